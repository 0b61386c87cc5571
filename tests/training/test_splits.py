"""Past days are learned from only after their windows ended, and judged a horizon later."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples
from training.splits import (
    ENOUGH_ORIGINS,
    LEAST_SLICES,
    WARMUP_DAYS,
    check_split,
    grid_days,
    plan_gate,
)

FIRST, AS_OF = date(2009, 12, 1), date(2011, 12, 10)
DAYS = st.dates(date(2008, 1, 1), date(2011, 1, 1))


def _examples(days: list[date], horizon_days: int = 90) -> Examples:
    frame = pa.table({"account_id": [str(i) for i in range(len(days))]})
    as_of = np.array(days, dtype="datetime64[D]")
    return Examples(frame, np.zeros(len(days)), as_of, horizon_days)


@given(first=DAYS, span=st.integers(0, 1500), horizon_days=st.integers(1, 400))
def test_no_window_on_the_grid_is_open(first: date, span: int, horizon_days: int) -> None:
    as_of = first + timedelta(days=span)
    for day in grid_days(first, as_of, horizon_days=horizon_days):
        assert day + timedelta(days=horizon_days) <= as_of
        assert day >= first + timedelta(days=WARMUP_DAYS)


@given(first=DAYS, span=st.integers(0, 1500), horizon_days=st.integers(8, 400))
def test_every_origin_has_learned_and_has_ended(first: date, span: int, horizon_days: int) -> None:
    as_of = first + timedelta(days=span)
    plan = plan_gate(first, as_of, horizon_days=horizon_days)
    for origin in plan.origins:
        grid = grid_days(first, origin, horizon_days=plan.horizon_days)
        assert origin + timedelta(days=plan.horizon_days) <= as_of
        assert len(grid) >= LEAST_SLICES


def test_the_grid_is_month_starts_and_the_freshest_closed_day() -> None:
    days = grid_days(FIRST, AS_OF, horizon_days=90)
    assert days[0] == date(2010, 3, 1)
    assert days[-3:] == [date(2011, 8, 1), date(2011, 9, 1), date(2011, 9, 11)]
    assert sum(day.day != 1 for day in days) == 1


def test_two_years_judge_90_days_on_origins_whose_windows_do_not_overlap() -> None:
    plan = plan_gate(FIRST, AS_OF, horizon_days=90)
    assert plan.horizon_days == 90
    assert len(plan.origins) >= ENOUGH_ORIGINS
    gaps = np.diff(np.array(plan.origins, dtype="datetime64[D]")).astype(int)
    assert (gaps >= 90).all()


def test_a_horizon_without_past_origins_is_judged_at_a_half_and_says_so() -> None:
    plan = plan_gate(FIRST, AS_OF, horizon_days=365)
    assert plan.horizon_days == 182
    assert len(plan.origins) == 2
    assert "its error at 365 days is not measured" in plan.note
    assert "overlap" in plan.note


def test_an_origin_that_saw_under_half_of_what_the_served_model_sees_is_not_judged() -> None:
    served = (AS_OF - FIRST).days - WARMUP_DAYS - 90
    for origin in plan_gate(FIRST, AS_OF, horizon_days=90).origins:
        assert (origin - FIRST).days - WARMUP_DAYS - 90 >= served / 2


def test_short_history_has_no_origins_and_says_so() -> None:
    plan = plan_gate(FIRST, FIRST + timedelta(days=120), horizon_days=90)
    assert plan.origins == ()
    assert "no past origins" in plan.note


def test_a_planted_open_window_is_caught() -> None:
    good = [AS_OF - timedelta(days=90)] * 3
    check_split(_examples(good), AS_OF)
    with pytest.raises(NotEnoughHistoryError, match="ends on 2011-12-11"):
        check_split(_examples([*good, AS_OF - timedelta(days=89)]), AS_OF)


def test_no_examples_are_refused() -> None:
    with pytest.raises(NotEnoughHistoryError, match="no example"):
        check_split(_examples([]), AS_OF)
