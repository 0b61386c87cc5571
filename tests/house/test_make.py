"""The two commands of the README, as make would carry them out."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.house.sources import ROOT


def _planned(*arguments: str) -> str:
    """Return what make would run, without running it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-n", "-B", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("target", ["demo", "serve", "test", "check", "bench", "install"])
def test_every_target_makes_its_environment_first(target: str) -> None:
    plan = _planned(target, "VENV=elsewhere")
    assert "python3 -m venv elsewhere" in plan
    assert "--require-hashes -r requirements/" in plan
    assert ".venv/" not in plan


def test_the_demo_installs_no_tool_of_development() -> None:
    assert "requirements/dev.txt" not in _planned("demo")


def test_tests_run_after_the_checks() -> None:
    plan = _planned("test")
    order = [plan.index(tool) for tool in ("/ruff check", "/lint-imports", "/mypy", "-m pytest")]
    assert order == sorted(order)


def test_a_benchmark_is_chosen_by_name() -> None:
    assert re.search(r"-m benchmarks\.run or2-90$", _planned("bench", "NAME=or2-90"), re.MULTILINE)


def test_the_ci_script_is_sound_and_asks_for_no_input() -> None:
    script = ROOT / ".ci" / "run"
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "</dev/null" in script.read_text()
    assert os.access(script, os.X_OK)


def test_a_second_install_has_nothing_to_do() -> None:
    makefile = (ROOT / "Makefile").read_text()
    stamps = re.findall(
        r"^\$\((\w+_STAMP)\): requirements/\w+\.txt pyproject\.toml$", makefile, re.M
    )
    assert stamps == ["RUN_STAMP", "DEV_STAMP"]
