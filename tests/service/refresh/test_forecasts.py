"""Forecasts as they are kept: whole minor units that add up, and no past from the future."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.backtests import write_backtests
from ledger.runs import begin_run, publish_run
from lifecycle.periods import CALENDAR_YEAR
from service.refresh.forecasts import read_past, whole_parts
from tests.ledger.story import KNOWN, new_ledger, vintage

money = st.floats(-1e9, 1e9, allow_nan=False)


@dataclass
class Standing:
    """The one thing that is read of a snapshot here."""

    day: date


@given(st.lists(st.tuples(money, money), min_size=1, max_size=5))
def test_rounded_segments_still_add_up_to_the_total(segments: list[tuple[float, float]]) -> None:
    parts = {f"segment={n}": {"a": a, "b": b} for n, (a, b) in enumerate(segments)}
    total = {"a": sum(a for a, _ in segments), "b": sum(b for _, b in segments)}
    whole = whole_parts({"total": total, **parts})
    for name in ("a", "b"):
        assert whole["total"][name] == sum(whole[node][name] for node in parts)
        assert abs(whole["total"][name] - total[name]) <= len(segments)


@pytest.mark.parametrize(("day", "known"), [(date(2011, 12, 10), 1), (date(2011, 12, 9), 0)])
def test_a_backtest_of_a_later_day_is_no_past(tmp_path: Path, day: date, known: int) -> None:
    ledger = new_ledger(tmp_path)
    run = begin_run(ledger, "backtest", as_of=date(2011, 12, 10), data_as_of=KNOWN)
    write_backtests(ledger, run, [vintage("2011Q3", "combined", 110.0)])
    publish_run(ledger, run)
    snapshot: Any = Standing(day)
    assert len(read_past(ledger, snapshot, CALENDAR_YEAR)) == known


def test_a_quarter_that_has_not_ended_is_no_past(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    run = begin_run(ledger, "backtest", as_of=date(2011, 9, 30), data_as_of=KNOWN)
    write_backtests(ledger, run, [vintage("2011Q3", "combined", 110.0)])
    publish_run(ledger, run)
    on_the_last_day: Any = Standing(date(2011, 9, 30))
    assert read_past(ledger, on_the_last_day, CALENDAR_YEAR) == []
