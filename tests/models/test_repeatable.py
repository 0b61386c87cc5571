"""The same facts and seed give the same release, to the bit, whatever the number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# fits what boosts trees and what fits curves, and says the digest of what a release would hold
SCRIPT = """
import truecast  # the door: it sets what must be set before a library is imported
import sys
from models.churn import LapseModel
from models.clv.parametric import ParametricLapse
from models.digest import compute_digest
from tests.models.pastdays import Company, monthly
company = Company(seed=int(sys.argv[1]))
lapse = company.examples(monthly(), lapse=True)
parts = {}
for model in (LapseModel("trees"), LapseModel("blend"), ParametricLapse("bg_nbd")):
    fitted = model.fit(lapse).to_parts()
    parts |= {f"{model.name}-{name}": content for name, content in fitted.items()}
print(compute_digest(parts))
"""


def run(threads: int, seed: str = "7") -> str:
    """The digest of the models, fitted in a process of its own."""
    inherited = {name: one for name, one in os.environ.items() if "_NUM_THREADS" not in name}
    environment = {**inherited, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, seed]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr[-2_000:]
    return ran.stdout.strip()


@pytest.fixture(scope="module")
def first() -> str:
    return run(1)


def test_three_runs_with_one_and_two_threads_give_one_digest(first: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(run, (1, 2))) == {first}


def test_the_planted_fault_is_caught(first: str) -> None:
    """A company that differs by its seed is not taken for the same."""
    assert run(1, "8") != first
