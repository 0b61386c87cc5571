"""The import contracts hold, and would not if somebody broke them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.sources import ROOMS, ROOT, imported_modules, name_of, project_files, python_files

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
CONTRACTS = {one["id"]: one for one in SETTINGS["importlinter"]["contracts"]}

# one violation for every contract: file, the line added to it
PLANTED = {
    "layers": ("lifecycle/periods.py", "import features"),
    "ledger": ("ledger/keys.py", "import features.columns"),
    "cycles": ("lifecycle/errors.py", "import lifecycle.periods"),
    "door": ("models/matrix.py", "import truecast"),
    "history": ("service/cli_web.py", "import lifecycle.history"),
    "peeking": ("lifecycle/snapshot.py", "import lifecycle.history"),
    "settings": ("training/gate.py", "import lifecycle.settings"),
    "truth": ("training/gate.py", "import lifecycle.world.truth"),
    "mlflow": ("training/cards.py", "import mlflow"),
    "deltalake": ("lifecycle/periods.py", "import deltalake"),
    "engines": ("lifecycle/snapshot.py", "import duckdb"),
    "sql": ("service/deps.py", "import sqlalchemy"),
    "migrations": ("lifecycle/periods.py", "import alembic"),
    "http": ("ledger/keys.py", "import fastapi"),
    "lightgbm": ("training/gate.py", "import lightgbm"),
    "estimators": ("training/gate.py", "import sklearn"),
    "web": ("models/bundle.py", "import pandas"),
    "pickle": ("models/bundle.py", "import pickle"),
}
# the only files that may touch what import-linter cannot tell apart
IBIS_BACKENDS = re.compile(r"^ibis\.(backends|duckdb|pyspark|sqlite|postgres|connect)\b")
PYSPARK = re.compile(r"^pyspark\b")
ENGINE = "lifecycle/engine.py"
# they pass the environment on, or set it for a library, and read no setting from it
ENVIRONMENT_PASSED_ON = {"models/bundle.py", "models/registry.py"}
# tests kill processes there; what it reads is no setting of the product
CRASHES = {"lifecycle/crashpoint.py"}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Lint a copy of the rooms in which every contract is broken once; return what it printed."""
    copy = tmp_path_factory.mktemp("planted")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    shutil.copy(ROOT / "truecast.py", copy)
    for file, line in PLANTED.values():
        with (copy / file).open("a", encoding="utf-8") as opened:
            opened.write(f"\n{line}\n")
    return _lint(copy).stdout


def test_all_contracts_hold() -> None:
    run = _lint(ROOT)
    assert "0 broken" in run.stdout, run.stdout + run.stderr


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(CONTRACTS)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_planted_violation_is_caught(contract: str, planted: str) -> None:
    assert f"{CONTRACTS[contract]['name']} BROKEN" in re.sub(r"\s+", " ", planted), planted[-2000:]


def test_every_top_level_package_is_named_in_the_contracts() -> None:
    outside = {"tests", "benchmarks", "examples"}
    tops = {
        path.relative_to(ROOT).parts[0] for path in project_files() if path.name == "__init__.py"
    }
    assert tops - outside == set(SETTINGS["importlinter"]["root_packages"]) == set(ROOMS)
    layers = CONTRACTS["layers"]["layers"]
    assert {room for layer in layers for room in layer.split(" | ")} == set(ROOMS)


def test_every_room_is_typed_strictly_and_packed() -> None:
    assert SETTINGS["mypy"]["strict"] is True
    assert set(ROOMS) <= set(SETTINGS["mypy"]["packages"])
    packed = SETTINGS["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in packed} == set(ROOMS)


def test_ibis_backends_stand_behind_one_door() -> None:
    found = [
        f"{name_of(path)}:{line} {module}"
        for path in python_files(*ROOMS, "truecast.py")
        for module, line in imported_modules(path)
        if (IBIS_BACKENDS.match(module) or PYSPARK.match(module)) and name_of(path) != ENGINE
    ]
    assert found == []


def test_ibis_backends_are_not_reached_through_the_library_either() -> None:
    backend = re.compile(r"\bibis\.(duckdb|pyspark|sqlite|postgres|connect|set_backend)\b")
    found = [
        name_of(path)
        for path in python_files(*ROOMS, "truecast.py")
        if name_of(path) != ENGINE and backend.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_environment_is_read_at_the_doors_only() -> None:
    reads = re.compile(r"\bos\.(environ|getenv)\b")
    doors = re.compile(r"^(truecast|lifecycle/settings|.*/cli(_\w+)?)\.py$")
    found = [
        name_of(path)
        for path in python_files(*ROOMS, "truecast.py")
        if reads.search(path.read_text(encoding="utf-8")) and not doors.match(name_of(path))
    ]
    assert set(found) <= ENVIRONMENT_PASSED_ON | CRASHES
