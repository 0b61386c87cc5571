from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from features.deals.landmarks import deal_frame
from lifecycle.history import History
from tests.features.deals.cases import DAY, EARLY, LATE, write_cases

Find = Callable[..., dict[str, Any] | None]


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> History:
    return write_cases(tmp_path_factory.mktemp("deal-cases"))


@pytest.fixture(scope="session")
def find(cases: History) -> Find:
    """Find the row of a case on a landmark, as one reading in autumn tells it; None without."""
    frame = deal_frame(cases.as_of(date(2021, 9, 1)), days=[EARLY, DAY, LATE])
    rows = {(row["opportunity_id"], row["as_of"]): row for row in frame.to_pylist()}
    return lambda name, day=DAY: rows.get((name, day))
