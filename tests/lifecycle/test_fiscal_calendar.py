"""Fiscal years of weeks: published calendars, quarters of 13 and 14 weeks, months of weeks."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.errors import UsageError
from lifecycle.periods import FiscalCalendar, Quarter, add_months
from tests.lifecycle.calendars import RETAIL, weekly_calendars

LAST_OF_SEPTEMBER = FiscalCalendar(10, "4-4-5", ends_on="saturday", ends_rule="last")
LAST_OF_DECEMBER = FiscalCalendar(1, "4-4-5", ends_on="saturday", ends_rule="last")
NEAREST_DECEMBER = FiscalCalendar(1, "5-4-4", ends_on="sunday", ends_rule="nearest")

years = st.integers(1950, 2100)


def days_of(calendar, year):
    return (calendar.year_start(year + 1) - calendar.year_start(year)).days


@pytest.mark.parametrize(
    ("calendar", "long"),
    [
        (RETAIL, [2007, 2013, 2018, 2024]),  # retail names them 2006, 2012, 2017, 2023
        (LAST_OF_SEPTEMBER, [2006, 2012, 2017, 2023]),
        (LAST_OF_DECEMBER, [2005, 2011, 2016, 2022]),
        (NEAREST_DECEMBER, [2009, 2015, 2020]),
    ],
)
def test_years_of_53_weeks_are_the_published_ones(calendar, long):
    assert [year for year in range(2005, 2025) if days_of(calendar, year) == 371] == long
    assert {days_of(calendar, year) for year in range(2005, 2025)} == {364, 371}


@pytest.mark.parametrize(
    ("year", "first", "last"),
    [
        (2018, date(2017, 1, 29), date(2018, 2, 3)),
        (2023, date(2022, 1, 30), date(2023, 1, 28)),
        (2024, date(2023, 1, 29), date(2024, 2, 3)),
        (2025, date(2024, 2, 4), date(2025, 2, 1)),
    ],
)
def test_a_retail_year_begins_and_closes_on_the_published_days(year, first, last):
    assert RETAIL.year_start(year) == first
    assert Quarter(year, 4, RETAIL).end - timedelta(days=1) == last


def test_a_year_that_closes_early_in_january_is_named_by_the_december_before():
    new_year = Quarter.containing(date(2021, 1, 3), NEAREST_DECEMBER)
    assert str(new_year) == "2020Q4"
    assert str(Quarter.containing(date(2021, 1, 4), NEAREST_DECEMBER)) == "2021Q1"


def test_a_year_that_begins_late_in_the_month_before_is_named_by_its_own_end():
    assert str(Quarter.containing(date(2023, 1, 29), RETAIL)) == "2024Q1"
    assert str(Quarter.containing(date(2023, 1, 28), RETAIL)) == "2023Q4"


@given(weekly_calendars, years)
def test_only_the_last_quarter_may_have_14_weeks(calendar, year):
    weeks = [len(list(Quarter(year, number, calendar).week_starts())) for number in (1, 2, 3, 4)]
    assert weeks[:3] == [13, 13, 13]
    assert weeks[3] == (14 if days_of(calendar, year) == 371 else 13)


@given(weekly_calendars, years)
def test_quarters_of_weeks_are_whole_weeks_from_the_day_after_closing(calendar, year):
    quarters = [Quarter(year, number, calendar) for number in (1, 2, 3, 4)]
    closing = [(one.end - timedelta(days=1)).strftime("%A").lower() for one in quarters]
    assert closing == [calendar.ends_on] * 4
    assert [one.weeks * 7 for one in quarters] == [one.days for one in quarters]


@given(weekly_calendars, years)
def test_a_year_of_weeks_closes_near_the_end_of_its_closing_month(calendar, year):
    after = (
        date(year + 1, 1, 1) if calendar.first_month == 1 else date(year, calendar.first_month, 1)
    )
    early = (after - calendar.year_start(year + 1)).days
    assert early in (range(7) if calendar.ends_rule == "last" else range(-3, 4))


@pytest.mark.parametrize(
    ("quarter", "weeks"),
    [
        (Quarter(2024, 1, RETAIL), [4, 5, 4]),
        (Quarter(2024, 4, RETAIL), [4, 5, 5]),
        (Quarter(2023, 4, LAST_OF_SEPTEMBER), [4, 4, 6]),
        (Quarter(2021, 2, NEAREST_DECEMBER), [5, 4, 4]),
    ],
)
def test_the_14th_week_belongs_to_the_quarters_last_month(quarter, weeks):
    bounds = quarter.month_bounds()
    assert [(end - start).days / 7 for start, end in bounds] == weeks
    assert (bounds[0][0], bounds[-1][1]) == (quarter.start, quarter.end)


@given(st.integers(1, 12), st.dates(date(1950, 1, 1), date(2100, 12, 31)))
def test_without_weeks_a_quarter_is_three_whole_months(first_month, day):
    quarter = Quarter.containing(day, FiscalCalendar(first_month))
    starts = [add_months(quarter.start, month) for month in range(4)]
    assert list(quarter.month_bounds()) == list(pairwise(starts))
    assert (quarter.start.month - first_month) % 3 == 0
    assert quarter.weeks == 13


def test_quarters_of_one_calendar_are_ordered_by_time_and_can_be_keys():
    quarters = [Quarter(2024, 4, RETAIL).shift(step) for step in (1, 0, -5)]
    assert [str(one) for one in sorted(quarters)] == ["2023Q3", "2024Q4", "2025Q1"]
    assert len({*quarters, Quarter(2024, 4, RETAIL)}) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_month": 0},
        {"first_month": 13},
        {"weeks": "4-4-4"},
        {"ends_on": "caturday"},
        {"ends_rule": "first"},
    ],
)
def test_what_is_no_calendar_is_refused(wrong):
    with pytest.raises(UsageError, match="expected"):
        FiscalCalendar(**wrong)
