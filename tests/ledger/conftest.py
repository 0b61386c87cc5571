from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from tests.ledger.story import new_ledger
from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)
