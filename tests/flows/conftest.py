"""One tiny synthetic company for the flows: its demo runs once, whoever asks first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mlflow_template import copy_store
from truecast import main


@pytest.fixture(scope="session")
def world_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory that ``truecast demo --world tiny`` leaves, its truth beside it."""
    made = tmp_path_factory.mktemp("world") / "data"
    made.mkdir()
    copy_store(made)
    assert main(["demo", "--world", "tiny", "--no-serve", "--data-dir", str(made)]) == 0
    return made
