"""The place of a landmark in quarters of months and of weeks."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from features.deals.calendar import build_calendar_columns
from features.deals.days import day_of
from features.deals.facts import Rows, as_days
from features.deals.landmarks import deal_frame
from features.deals.states import weekly_landmarks
from lifecycle.history import History
from lifecycle.periods import FiscalCalendar, Quarter
from tests.features.deals.cases import DAY

RETAIL = FiscalCalendar(2, "4-5-4", ends_on="saturday", ends_rule="nearest")
LONG = Quarter(2024, 4, RETAIL)


def place_of(days: list[date], quarter: Quarter) -> dict[str, list[float]]:
    day, count = as_days(days), len(days)
    none = np.zeros(count, np.int64)
    bounds = as_days([quarter.start, quarter.end])
    rows = Rows(none, none, day, np.full(count, bounds[0]), np.full(count, bounds[1]))
    return {name: column.tolist() for name, column in build_calendar_columns(rows).items()}


def test_the_14th_week_is_a_week_of_its_own() -> None:
    found = place_of(list(LONG.week_starts()), LONG)
    assert found["quarter_week"] == list(range(14))
    assert found["weeks_left"] == list(range(13, -1, -1))


def test_days_left_over_by_thirteen_weeks_belong_to_the_last() -> None:
    quarter = Quarter(2021, 3)
    found = place_of([quarter.end - timedelta(days=back) for back in (1, 2, 8, 9)], quarter)
    assert found["quarter_week"] == [12, 12, 12, 11]
    assert found["weeks_left"] == [0, 0, 0, 1]


@pytest.mark.parametrize("year", [2018, 2023, 2024, 2025])
def test_a_quarter_of_weeks_has_the_month_it_is_meant_to_begin_in(year: int) -> None:
    quarters = [Quarter(year, number, RETAIL) for number in (1, 2, 3, 4)]
    found = [place_of([one.start], one)["quarter_month"] for one in quarters]
    assert found == [[2], [5], [8], [11]]


def test_weekly_landmarks_meet_all_weeks_of_a_long_quarter_and_the_next() -> None:
    first, last = as_days([LONG.start, LONG.shift(1).end - timedelta(days=1)])
    found = [day_of(int(one)) for one in weekly_landmarks(first, last, calendar=RETAIL)]
    assert found == [*LONG.week_starts(), *LONG.shift(1).week_starts()]


@pytest.mark.parametrize(("ends_on", "is_end"), [("wednesday", 1), ("thursday", 0)])
def test_a_close_on_the_last_day_of_a_quarter_of_weeks_is_told(
    cases: History, ends_on: str, is_end: int
) -> None:
    closing = FiscalCalendar(1, "4-4-5", ends_on=ends_on)  # type: ignore[arg-type]
    frame = deal_frame(cases.as_of(DAY), calendar=closing).to_pylist()
    (row,) = [one for one in frame if one["opportunity_id"] == "plain"]
    assert row["close_quarter_end"] == is_end
