from datetime import date

import numpy as np

from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.naive import last_quarter, remaining, seasonal_naive, year_ago_known
from tests.models.forecast.company import FIRST, sales_of, steady

Q1 = Quarter(2011, 1, FiscalCalendar(12))


def ramp(days):
    return sales_of(np.arange(days, dtype=float) + 1)


def test_on_the_first_day_seasonal_naive_is_the_year_ago_quarter():
    sales = ramp((Q1.start - FIRST).days)
    rest = seasonal_naive(sales, Q1)
    assert rest[0] == sales.between(Q1.shift(-4).start, Q1.shift(-4).end)[0]


def test_in_mid_quarter_seasonal_naive_takes_the_same_dates_last_year():
    sales = ramp((date(2011, 2, 10) - FIRST).days)
    rest = seasonal_naive(sales, Q1)
    assert rest[0] == sales.between(date(2010, 2, 10), date(2010, 3, 1))[0]


def test_before_a_year_is_known_seasonal_naive_is_absent():
    sales = ramp(300)
    assert seasonal_naive(sales, Quarter(2010, 4, FiscalCalendar(12))) is None


def test_on_the_first_day_last_quarter_is_the_quarter_before():
    sales = ramp((Q1.start - FIRST).days)
    assert last_quarter(sales, Q1)[0] == sales.actual(Q1.shift(-1))[0]


def test_a_quarter_not_begun_looks_back_to_the_last_whole_quarter():
    sales = ramp((date(2010, 11, 20) - FIRST).days)
    assert last_quarter(sales, Q1)[0] == sales.actual(Quarter(2010, 3, FiscalCalendar(12)))[0]


def test_last_quarter_is_absent_when_none_is_whole():
    assert last_quarter(steady(80), Quarter(2010, 1, FiscalCalendar(12))) is None


def test_the_rest_of_a_quarter_begins_with_as_of_and_ends_with_the_quarter():
    span = remaining(ramp((date(2011, 2, 10) - FIRST).days), Q1)
    assert span.days == 19
    assert remaining(ramp((date(2010, 11, 20) - FIRST).days), Q1).days == Q1.days


def test_an_ended_quarter_leaves_nothing():
    assert remaining(ramp((date(2011, 3, 10) - FIRST).days), Q1).days == 0


def test_a_year_ago_is_known_once_364_days_lie_behind():
    quarter = Quarter(2011, 1, FiscalCalendar(12))
    assert year_ago_known(steady(365), remaining(steady(365), quarter))
    assert not year_ago_known(
        steady(360), remaining(steady(360), Quarter(2010, 4, FiscalCalendar(12)))
    )


def test_the_29th_of_february_looks_back_to_the_28th():
    sales = sales_of(np.ones(820), first=date(2010, 1, 1))
    assert seasonal_naive(sales, Quarter(2012, 2))[0] == 91
