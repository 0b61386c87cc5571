from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from tests.ledger.story import new_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)
