"""Periods: bounds, names and weeks of fiscal quarters."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.errors import UsageError
from lifecycle.periods import (
    FiscalCalendar,
    Quarter,
    add_months,
    day_start,
    month_starts,
    parse_as_of,
)
from tests.lifecycle.calendars import monthly_calendars, weekly_calendars

days = st.dates(date(1950, 1, 1), date(2100, 12, 31))
calendars = monthly_calendars | weekly_calendars


@given(days, calendars)
def test_a_day_lies_in_the_quarter_that_contains_it(day, calendar):
    quarter = Quarter.containing(day, calendar)
    assert quarter.start <= day < quarter.end


@given(days, calendars)
def test_quarters_follow_each_other_without_a_gap(day, calendar):
    quarter = Quarter.containing(day, calendar)
    assert quarter.end == quarter.shift(1).start
    assert quarter.shift(1).shift(-1) == quarter
    assert Quarter.containing(quarter.start, calendar) == quarter


@given(days, calendars)
def test_a_quarter_is_read_back_from_its_name(day, calendar):
    quarter = Quarter.containing(day, calendar)
    assert Quarter.parse(str(quarter), calendar) == quarter


@given(days, monthly_calendars)
def test_a_fiscal_year_is_named_by_the_year_in_which_it_ends(day, calendar):
    quarter = Quarter.containing(day, calendar)
    last_day = quarter.shift(4 - quarter.number).end - timedelta(days=1)
    assert last_day.year == quarter.year


@pytest.mark.parametrize("name", ["2012", "2012Q5", "12Q1", "Q1", "2012Q1 ", "9999Q1", ""])
def test_a_wrong_period_name_says_what_was_expected(name):
    with pytest.raises(UsageError, match="2012Q1"):
        Quarter.parse(name)


def test_weeks_start_at_the_quarters_first_day():
    quarter = Quarter.parse("2012Q1", FiscalCalendar(12))
    weeks = list(quarter.week_starts())
    assert weeks[0] == quarter.start
    assert len(weeks) == 13
    assert quarter.week_of(quarter.start + timedelta(days=13)) == 1


def test_a_day_begins_at_local_midnight_in_summer_and_winter():
    zone = ZoneInfo("Europe/London")
    assert day_start(date(2011, 7, 1), zone) == datetime(2011, 6, 30, 23, tzinfo=UTC)
    assert day_start(date(2011, 12, 1), zone) == datetime(2011, 12, 1, tzinfo=UTC)


def test_month_starts_are_inside_the_span():
    assert list(month_starts(date(2011, 1, 1), date(2011, 3, 31))) == [
        date(2011, 1, 1),
        date(2011, 2, 1),
        date(2011, 3, 1),
    ]
    assert add_months(date(2011, 1, 1), -1) == date(2010, 12, 1)


def test_one_may_stand_on_tomorrow_but_not_later():
    zone = ZoneInfo("Pacific/Auckland")
    tomorrow = datetime.now(zone).date() + timedelta(days=1)
    assert parse_as_of(tomorrow.isoformat(), zone) == tomorrow
    with pytest.raises(UsageError, match="yet to come"):
        parse_as_of((tomorrow + timedelta(days=2)).isoformat(), zone)
