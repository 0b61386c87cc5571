"""What every test may rely on: no settings from outside, few threads, bounded property tests."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# before any numeric library is imported: suites share two cores with the rest of the machine
for _name, _value in {
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}.items():
    os.environ.setdefault(_name, _value)

settings.register_profile(
    "house",
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("house")

gc.set_threshold(50_000, 20, 20)  # as the commands do

FIRST = "tests/flows/test_world_proofs.py"
"""What takes longest: begun last, one process would wait for the other that runs it."""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the caller's TRUECAST_* variables away, so that a test sees only its own."""
    for name in [name for name in os.environ if name.startswith("TRUECAST_")]:
        if name != "TRUECAST_BENCH_DATA":
            monkeypatch.delenv(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the rooms' docstring examples only: those of test aids speak of fixtures."""
    items.sort(key=lambda one: not one.nodeid.startswith(FIRST))
    items[:] = [
        one
        for one in items
        if not (isinstance(one, pytest.DoctestItem) and one.nodeid.startswith("tests/"))
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the published results whose code has changed since; they fail nothing."""
    from benchmarks.table import judge_results, load_results

    states = judge_results(load_results())
    old = [f"{name} ({state})" for name, state in states.items() if state != "fresh"]
    if old:
        terminalreporter.write_line(f"benchmark results to measure again: {', '.join(old)}")
