"""One tiny synthetic company for the flows: its demo runs once, whoever asks first."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.mlflow_template import copy_store
from truecast import Demo, main


@pytest.fixture(scope="session")
def world_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory that ``truecast demo --world tiny`` leaves (but for a shorter backtest).

    The demo takes minutes: of several test processes one makes it, and each gets a copy.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = shared / "world-made"
    with (shared / "world.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(shared / "world-begun", ignore_errors=True)  # of one that was stopped
            _make(shared / "world-begun" / "data")
            (shared / "world-begun").rename(made)
    own = tmp_path_factory.mktemp("world") / "copy"
    shutil.copytree(made, own)
    return own / "data"


def _make(data: Path) -> None:
    data.mkdir(parents=True)
    copy_store(data)
    steps = Demo.steps
    with pytest.MonkeyPatch.context() as patch:  # three of eight quarters: nobody here counts them
        patch.setattr(Demo, "steps", lambda demo: [_shorten(step) for step in steps(demo)])
        assert main(["demo", "--world", "tiny", "--no-serve", "--data-dir", str(data)]) == 0


def _shorten(step: list[str]) -> list[str]:
    return [step[0], "--quarters", "3", *step[3:]] if step[0] == "backtest" else step
