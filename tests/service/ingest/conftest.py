from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from tests.ledger.story import new_ledger
from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory
from tests.service.conftest import Client
from tests.service.ingest.pushes import open_crm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Ledger:
    return new_ledger(folder)


@pytest.fixture(scope="module")
def crm(folder: Path, ledger: Ledger) -> Client:
    return open_crm(folder, ledger)
