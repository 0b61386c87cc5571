"""Bandit finds nothing grave in what is shipped, and would see it if it were there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOMS, ROOT

# SQL from names that the code itself holds (guards, migrations): bandit cannot tell
KNOWN = {("B608", "ledger/guards.py"), ("B608", "ledger/migrations/versions/v0005_vintages.py")}


def find_faults(folder: Path, *names: str) -> set[tuple[str, str, str]]:
    """Return severity, rule and file of everything above ``LOW``."""
    words = [sys.executable, "-m", "bandit", "-q", "-ll", "-f", "json", "-r", *names]
    ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return {
        (one["issue_severity"], one["test_id"], one["filename"].removeprefix("./"))
        for one in json.loads(ran.stdout)["results"]
    }


def test_nothing_grave_is_shipped() -> None:
    found = find_faults(ROOT, *ROOMS, "truecast.py")
    assert [one for one in found if one[0] == "HIGH"] == []
    assert {one[1:] for one in found} <= KNOWN


@pytest.mark.parametrize("line", [
    "import subprocess; subprocess.run(given, shell=True)",
    "import pickle; pickle.loads(given)",
    "import yaml; yaml.load(given)",
    "eval(given)",
    "import hashlib; hashlib.md5(given)",
])  # fmt: skip
def test_the_planted_fault_is_caught(tmp_path: Path, line: str) -> None:
    (tmp_path / "planted.py").write_text(f"{line}\n")
    assert find_faults(tmp_path, "planted.py")
