from datetime import date

import pytest

from lifecycle.periods import FiscalCalendar
from models.forecast.track import paired, pooled_wape, same_footing, score_past, squared_error
from models.forecast.vintages import Vintage
from tests.models.forecast.company import steady

SALES = steady(500, segments=1)  # 1000 a day from 2009-12-01: 2010Q1 is 90 days


def vintage(mean, leg="combined", *, period="2010Q1", origin=date(2009, 12, 1), week=0, **other):
    columns = {"node": "total", "actual_minor": None, **other}
    return Vintage(period, origin, week, columns["node"], leg, 0, mean, mean, mean)


def scored(*vintages):
    return score_past(vintages, SALES, FiscalCalendar(12))


def test_the_actual_comes_from_the_snapshot_and_not_from_the_vintage():
    (row,) = scored(vintage(99_000.0, actual_minor=1.0))
    assert (row.error_minor, row.actual_minor, row.scale_minor) == (9_000.0, 90_000.0, 99_000.0)


def test_a_quarter_that_has_not_ended_is_not_looked_at():
    assert scored(vintage(1.0, period="2011Q2", origin=date(2011, 3, 1))) == []


def test_a_forecast_made_after_its_quarter_is_not_looked_at():
    assert scored(vintage(1.0, origin=date(2010, 3, 1))) == []


def test_the_scale_is_what_was_still_to_come():
    (row,) = scored(vintage(95_000.0, origin=date(2010, 2, 1), week=8))
    assert row.scale_minor == 95_000 - 62_000


def test_a_quarter_counts_once_however_often_it_was_forecast():
    many = [vintage(99_000.0, origin=date(2009, 12, day)) for day in range(1, 20)]
    one = vintage(180_000.0, period="2010Q2", origin=date(2010, 3, 1))
    error, quarters = squared_error(scored(*many, one), "combined", total=True, week=0)
    second = (180_000 - 92_000) / 180_000
    assert quarters == 2
    assert error == pytest.approx(((9 / 99) ** 2 + second**2) / 2, rel=0.03)


def test_legs_are_compared_only_where_all_of_them_spoke():
    rows = scored(
        vintage(1.0, "a"), vintage(2.0, "b"), vintage(3.0, "a", origin=date(2009, 12, 8), week=1)
    )
    assert {(row.leg, row.week) for row in paired(rows, ("a", "b"))} == {("a", 0), ("b", 0)}


def test_vintages_without_a_year_behind_do_not_judge_those_with_one():
    rows = scored(
        vintage(1.0),
        vintage(2.0, origin=date(2009, 12, 8), week=1),
        vintage(2.0, "seasonal_naive", origin=date(2009, 12, 8), week=1),
    )
    assert {row.week for row in same_footing(rows, seasonal=True)} == {1}
    assert {row.week for row in same_footing(rows, seasonal=False)} == {0}


def test_wape_is_absolute_error_over_actual():
    assert pooled_wape(scored(vintage(99_000.0)), "combined") == (pytest.approx(0.1), 1)
