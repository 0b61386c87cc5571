"""Labels look ahead over closed windows only, and only at what was known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from tests.builders import build_lake, order
from training.labels import build_spend_labels, check_closed, label_end

LONDON = ZoneInfo("Europe/London")
JULY = date(2011, 7, 1)


def _known(folder: Path, orders: list[dict[str, Any]], day: date = date(2011, 9, 1)) -> Snapshot:
    build_lake(folder, orders=orders)
    return open_history(folder / "lake", zone=LONDON).as_of(day)


def _spend(known: Snapshot, *, horizon_days: int = 30) -> list[tuple[str, int]]:
    rows = build_spend_labels(known, [JULY], horizon_days=horizon_days).to_pylist()
    return [(row["account_id"], row[JULY.isoformat()]) for row in rows]


def test_spend_of_the_window_is_summed(tmp_path: Path) -> None:
    orders = [
        order("a", date(2011, 7, 2), amount_minor=100),
        order("a", date(2011, 7, 30), amount_minor=20),
        order("b", date(2011, 6, 1), amount_minor=7),
    ]
    assert _spend(_known(tmp_path, orders)) == [("a", 120), ("b", 0)]


def test_the_window_is_half_open_in_the_companys_zone(tmp_path: Path) -> None:
    # British summer time: midnight of 1 July is 23:00 UTC of 30 June
    first, last = datetime(2011, 6, 30, 23, tzinfo=UTC), datetime(2011, 7, 30, 23, tzinfo=UTC)
    orders = [
        order("before", first - timedelta(seconds=1)),
        order("first", first),
        order("last", last - timedelta(seconds=1)),
        order("after", last),
    ]
    assert _spend(_known(tmp_path, orders)) == [("before", 0), ("first", 1000), ("last", 1000)]


def test_credits_adjustments_and_anonymous_sales_are_no_purchases(tmp_path: Path) -> None:
    orders = [
        order("a", date(2011, 6, 1)),
        order("a", date(2011, 7, 2), amount_minor=-500),
        order("a", date(2011, 7, 2), amount_minor=500, kind="adjustment"),
        order(None, date(2011, 7, 2)),
    ]
    assert _spend(_known(tmp_path, orders)) == [("a", 0)]


def test_what_was_not_known_yet_is_not_counted(tmp_path: Path) -> None:
    orders = [
        order("a", date(2011, 7, 2), amount_minor=100),
        order("a", date(2011, 7, 3), amount_minor=10, known=date(2011, 9, 1)),
    ]
    assert _spend(_known(tmp_path, orders)) == [("a", 100)]


def test_an_open_window_is_refused(tmp_path: Path) -> None:
    known = _known(tmp_path, [order("a", date(2011, 7, 2))], day=date(2011, 7, 30))
    with pytest.raises(NotEnoughHistoryError, match="ends on 2011-07-31"):
        _spend(known)
    assert _spend(known, horizon_days=29) == [("a", 1000)]


def test_no_orders_give_an_empty_label(tmp_path: Path) -> None:
    known = _known(tmp_path, [order("a", date(2011, 8, 30))])
    assert _spend(known) == []


@pytest.mark.parametrize("horizon_days", [0, -1])
def test_a_horizon_is_positive(horizon_days: int) -> None:
    with pytest.raises(UsageError, match="1 day or more"):
        check_closed(JULY, date(2012, 1, 1), horizon_days=horizon_days)


@given(
    day=st.dates(date(2009, 1, 1), date(2012, 1, 1)),
    horizon_days=st.integers(1, 400),
    wait_days=st.integers(0, 800),
)
def test_a_window_passes_only_when_it_has_ended(
    day: date, horizon_days: int, wait_days: int
) -> None:
    known_on = day + timedelta(days=wait_days)
    if label_end(day, horizon_days) <= known_on:
        check_closed(day, known_on, horizon_days=horizon_days)
    else:
        with pytest.raises(NotEnoughHistoryError):
            check_closed(day, known_on, horizon_days=horizon_days)
