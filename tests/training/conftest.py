"""One small company for all training tests: its frames are built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle.history import History
from tests.mlflow_template import copy_store
from tests.training.companies import build_company


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company's data directory, with an MLflow store already migrated."""
    made = tmp_path_factory.mktemp("company")
    copy_store(made)
    (made / "truecast.toml").write_text('currency = "GBP"\n')
    return made


@pytest.fixture(scope="session")
def history(folder: Path) -> History:
    """All facts of the company."""
    return build_company(folder)
