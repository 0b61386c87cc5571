from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from tests.ledger.deal_story import fill_deals
from tests.ledger.forecast_story import fill_forecasts
from tests.ledger.gap_story import fill_gaps
from tests.ledger.story import fill, new_ledger
from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


@pytest.fixture(scope="module")
def full_ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A ledger with rows in every append-only table."""
    made = new_ledger(tmp_path_factory.mktemp("data"))
    fill(made)
    fill_deals(made)
    fill_gaps(made)
    fill_forecasts(made)
    return made
