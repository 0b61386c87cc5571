"""The two rules every forecast has to beat, and the span of days that is still to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.sales import YEAR_DAYS, FloatArray, Sales


@dataclass(frozen=True)
class Span:
    """The days of a quarter whose revenue is not known yet, as columns of `Sales`.

    Parameters
    ----------
    start, end
        Columns ``[start, end)``; both at or beyond the last known column.
    """

    start: int
    end: int

    @property
    def days(self) -> int:
        """Length in days."""
        return self.end - self.start

    @property
    def year_ago(self) -> slice:
        """The same weekdays one year earlier, as known columns."""
        return slice(self.start - YEAR_DAYS, self.end - YEAR_DAYS)


def remaining(sales: Sales, quarter: Quarter) -> Span:
    """Return the quarter's days from ``as_of`` on (all of them if it has not begun)."""
    start = max(sales.column(quarter.start), sales.days)
    return Span(start, max(sales.column(quarter.end), start))


def year_ago_known(sales: Sales, span: Span) -> bool:
    """Return whether every day of the span lies, one year earlier, inside the history."""
    return span.start >= YEAR_DAYS and span.end - YEAR_DAYS <= sales.days


def seasonal_naive(sales: Sales, quarter: Quarter) -> FloatArray | None:
    """Return the rest of the quarter by node as it was on the same dates last year, minor units.

    At the quarter's first day this is the year-ago quarter; later it is the year-ago remainder, so
    the rule, too, knows the quarter to date. None where a year-ago date lies before the history.
    """
    span = remaining(sales, quarter)
    dates = [sales.first + timedelta(days=c) for c in range(span.start, span.end)]
    columns = [sales.column(_year_before(day)) for day in dates]
    if columns and not (min(columns) >= 0 and max(columns) < sales.days):
        return None
    return np.asarray(sales.net_minor[:, columns].sum(axis=1), dtype=np.float64)


def last_quarter(sales: Sales, quarter: Quarter) -> FloatArray | None:
    """Return the rest of the quarter by node at the last whole quarter's pace, minor units.

    On the quarter's first day this is the last quarter's revenue; later, that of its days beyond
    the same day of the quarter. None when no whole quarter is known.
    """
    span = remaining(sales, quarter)
    before = Quarter.containing(sales.as_of, quarter.calendar).shift(-1)
    if sales.column(before.start) < 0:
        return None
    passed = span.start - sales.column(quarter.start)
    return sales.between(before.start + timedelta(days=passed), before.end)


def _year_before(day: date) -> date:
    # 29 February has no date a year before: it takes the 28th.
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
