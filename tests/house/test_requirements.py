"""The locks: every file hashed, one version everywhere, nothing known to be unsafe."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house.sources import ROOT, imported_modules, python_files

SETS = ("serve", "all", "dev")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)(?: ; ([^\\]+?))? ?\\?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")

# below these a known hole is open; the reliability page names them
FLOORS = {
    "h11": "0.16",
    "lightgbm": "4.6",
    "mlflow": "3.17.2",
    "scikit-learn": "1.5",
    "starlette": "1.10",
}
# held back because newer majors change results or do not resolve together
CEILINGS = {"duckdb": "2", "pandas": "3", "sqlglot": "30.18"}
NEVER_IN_THE_WEB_PROCESS = {
    "cloudpickle", "deltalake", "duckdb", "ibis-framework", "joblib", "mlflow", "mlflow-skinny",
    "pandas", "pandera", "pyarrow", "scikit-learn", "skops", "sqlglot", "statsforecast",
}  # fmt: skip


def _pins(name: str) -> dict[str, set[str]]:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pins: dict[str, set[str]] = {}
    for match in filter(None, map(PIN.match, lines)):
        pins.setdefault(match[1].lower(), set()).add(match[2])
    return pins


@pytest.mark.parametrize("name", SETS)
def test_every_line_is_a_pin_or_a_hash(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    other = [one for one in lines if not (PIN.match(one) or HASH.match(one) or one[:1] == "#")]
    assert other == []


@pytest.mark.parametrize("name", SETS)
def test_every_pin_is_followed_by_a_hash(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pinned = [at for at, line in enumerate(lines) if PIN.match(line)]
    assert pinned
    assert [lines[at] for at in pinned if not HASH.match(lines[at + 1])] == []


def test_the_smaller_sets_are_cut_out_of_the_larger() -> None:
    serve, everything, dev = (_pins(name) for name in SETS)
    assert serve.items() <= everything.items() <= dev.items()


@pytest.mark.parametrize("package", FLOORS)
def test_no_pin_is_below_its_floor(package: str) -> None:
    assert all(Version(one) >= Version(FLOORS[package]) for one in _pins("dev")[package])


@pytest.mark.parametrize("package", CEILINGS)
def test_no_pin_is_above_its_ceiling(package: str) -> None:
    assert all(Version(one) < Version(CEILINGS[package]) for one in _pins("dev")[package])


def test_the_web_process_is_slim() -> None:
    assert set(_pins("serve")) & NEVER_IN_THE_WEB_PROCESS == set()


def test_every_declared_requirement_is_locked_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dev = _pins("dev")
    extras = chain.from_iterable(project["optional-dependencies"].values())
    for text in [*project["dependencies"], *extras]:
        wanted = Requirement(text)
        if wanted.name != "truecast":
            assert all(wanted.specifier.contains(one) for one in dev[wanted.name]), text


def test_whatever_is_imported_is_locked() -> None:
    """What was only installed by hand works here and fails in the next fresh clone."""
    named = {
        module.split(".")[0] for path in python_files() for module, _ in imported_modules(path)
    }
    sources, locked = packages_distributions(), {*_pins("dev"), "truecast"}
    loose = {
        name
        for name in named & set(sources)
        if not {canonicalize_name(source) for source in sources[name]} & locked
    }
    assert loose == set()
