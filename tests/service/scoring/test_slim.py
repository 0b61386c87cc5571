"""The slim installation starts and scores, on nothing but its own requirements."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Client

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("slim.py")
SERVE = ROOT / "requirements" / "serve.txt"
LOCKED = set(re.findall(r"^([a-z0-9][\w.-]*)==", SERVE.read_text(), re.MULTILINE))

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

LONGEST_IMPORT = 2.0
BUSY = 1.5  # two test processes share the machine; `serve-one` measures it on a quiet one


def run_slim(folder: Path, key: str, distributions: set[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(folder), key, json.dumps(sorted(distributions))]
    given = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=given, check=False)


@pytest.fixture(scope="module")
def found(folder: Path, client: Client) -> dict[str, Any]:
    ran = run_slim(folder, client.key, LOCKED)
    assert ran.returncode == 0, ran.stderr[-2_000:]
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def test_it_starts_and_answers_with_reasons(found: dict[str, Any]) -> None:
    assert found["status"] == 200, found["scores"]
    assert all("value" in one and "reasons" in one for one in found["scores"])


def test_it_holds_nothing_that_unpickles(found: dict[str, Any]) -> None:
    assert found["unpickled"] == []
    heavy = {"joblib", "cloudpickle", "skops", "pandas", "pyarrow", "sklearn", "mlflow", "ibis"}
    assert heavy.isdisjoint(found["modules"])


def test_it_is_imported_in_two_seconds_and_150_mib(
    folder: Path, client: Client, found: dict[str, Any]
) -> None:
    tries = [found["seconds"]]
    while min(tries) > LONGEST_IMPORT and len(tries) < 4:
        tries.append(json.loads(run_slim(folder, client.key, LOCKED).stdout)["seconds"])
    assert min(tries) <= LONGEST_IMPORT * BUSY
    assert found["mib"] <= 150


def test_the_planted_fault_is_caught(folder: Path, client: Client) -> None:
    """Without one of its own requirements it cannot answer."""
    ran = run_slim(folder, client.key, LOCKED - {"lightgbm"})
    assert ran.returncode != 0 or json.loads(ran.stdout)["status"] != 200
