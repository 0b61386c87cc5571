"""Fiscal calendars, quarters, months and weeks: half-open spans ``[start, end)`` of days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from lifecycle.errors import UsageError

Weeks = Literal["", "4-4-5", "4-5-4", "5-4-4"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
EndsRule = Literal["last", "nearest"]

QUARTER_DAYS = 13 * 7
"""Days of a quarter of weeks, but for the last one of a year of 53 weeks."""

_QUARTER_NAME = re.compile(r"^(\d{4})Q([1-4])$")


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which a day begins in the company's zone.

    Examples
    --------
    >>> day_start(date(2011, 7, 1), ZoneInfo("Europe/London")).isoformat()
    '2011-06-30T23:00:00+00:00'
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def parse_as_of(text: str, zone: ZoneInfo) -> date:
    """Read the day to stand on, such as ``2011-12-10``.

    It may be tomorrow, which counts all of today; on a later day windows would seem to have ended
    in which nothing could happen yet, and every account would seem to have left.

    Raises
    ------
    UsageError
        It is not a calendar day, or lies after tomorrow in the company's zone.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"day {text[:40]!r}", "a day such as 2011-12-10", "correct it") from error
    tomorrow = datetime.now(zone).date() + timedelta(days=1)
    if day > tomorrow:
        raise UsageError(
            f"day {day}, which is yet to come", f"{tomorrow} or earlier", "correct --as-of"
        )
    return day


def add_months(day: date, months: int) -> date:
    """Shift the first day of a month by whole months.

    Examples
    --------
    >>> add_months(date(2011, 12, 1), 3)
    datetime.date(2012, 3, 1)
    """
    total = day.year * 12 + day.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


@dataclass(frozen=True, order=True)
class FiscalCalendar:
    """How a company's fiscal years begin: on the first of a month, or after whole weeks.

    Years of weeks have 52 or 53 of them: four quarters of 13 weeks, of which the last also takes
    the 53rd week. A year is named by the calendar year in which its closing month lies, also where
    its last day falls into the first days of the next month.

    Parameters
    ----------
    first_month
        1-12. A year of weeks closes at the end of the month before.
    weeks
        Weeks of a quarter's three months: ``4-4-5``, ``4-5-4`` or ``5-4-4``; empty: months.
    ends_on
        Weekday on which a year of weeks closes, such as ``saturday``.
    ends_rule
        It closes on the ``last`` such day in the closing month, or on the one ``nearest`` to that
        month's end, which may lie up to three days after it.

    Raises
    ------
    UsageError
        A value is none of those.

    Examples
    --------
    >>> retail = FiscalCalendar(2, "4-5-4", ends_on="saturday", ends_rule="nearest")
    >>> retail.year_start(2024), retail.year_start(2025)  # 53 weeks
    (datetime.date(2023, 1, 29), datetime.date(2024, 2, 4))
    """

    first_month: int = 1
    weeks: Weeks = ""
    ends_on: Weekday = "saturday"
    ends_rule: EndsRule = "last"

    def __post_init__(self) -> None:
        """Refuse what is no calendar."""
        if self.first_month not in range(1, 13):
            raise UsageError(f"first month {self.first_month}", "1 to 12", "correct the month")
        for value, allowed in (
            (self.weeks, get_args(Weeks)),
            (self.ends_on, get_args(Weekday)),
            (self.ends_rule, get_args(EndsRule)),
        ):
            if value not in allowed:
                expected = "one of " + ", ".join(filter(None, allowed))
                raise UsageError(f"fiscal calendar of {value!r}", expected, "correct the calendar")

    def year_start(self, year: int) -> date:
        """Return the first day of a fiscal year."""
        nominal = date(year if self.first_month == 1 else year - 1, self.first_month, 1)
        if not self.weeks:
            return nominal
        month_end = nominal - timedelta(days=1)
        back = (month_end.weekday() - get_args(Weekday).index(self.ends_on)) % 7
        if self.ends_rule == "nearest" and back > 3:
            back -= 7
        return nominal - timedelta(days=back)

    def year_of(self, day: date) -> int:
        """Return the fiscal year in which a day lies."""
        year = day.year + (self.first_month > 1 and day.month >= self.first_month)
        if self.weeks and day < self.year_start(year):
            return year - 1
        if self.weeks and day >= self.year_start(year + 1):
            return year + 1
        return year

    def quarter_start(self, year: int, number: int) -> date:
        """Return the first day of a fiscal year's quarter 1 to 4."""
        if self.weeks:
            return self.year_start(year) + timedelta(days=(number - 1) * QUARTER_DAYS)
        return add_months(self.year_start(year), 3 * (number - 1))


CALENDAR_YEAR = FiscalCalendar()
"""Fiscal years that are calendar years: what holds unless a company says otherwise."""


@dataclass(frozen=True, order=True)
class Quarter:
    """One fiscal quarter; the fiscal year is named by the calendar year in which it ends.

    Examples
    --------
    >>> quarter = Quarter.parse("2012Q1", FiscalCalendar(first_month=12))
    >>> quarter.start, quarter.end
    (datetime.date(2011, 12, 1), datetime.date(2012, 3, 1))
    >>> str(Quarter.containing(date(2011, 11, 30), FiscalCalendar(first_month=12)))
    '2011Q4'
    """

    year: int
    number: int
    calendar: FiscalCalendar = CALENDAR_YEAR

    @classmethod
    def parse(cls, name: str, calendar: FiscalCalendar = CALENDAR_YEAR) -> Quarter:
        """Read ``2012Q1``.

        Raises
        ------
        UsageError
            The name is not of that form.
        """
        match = _QUARTER_NAME.match(name)
        if match is None or not 1900 <= int(match[1]) <= 2999:
            raise UsageError(
                f"period {name[:40]!r}", "a quarter such as 2012Q1", "correct the period's name"
            )
        return cls(int(match[1]), int(match[2]), calendar)

    @classmethod
    def containing(cls, day: date, calendar: FiscalCalendar = CALENDAR_YEAR) -> Quarter:
        """Return the quarter in which a day lies."""
        year = calendar.year_of(day)
        if calendar.weeks:
            passed = (day - calendar.year_start(year)).days // QUARTER_DAYS
            return cls(year, min(passed, 3) + 1, calendar)
        return cls(year, (day.month - calendar.first_month) % 12 // 3 + 1, calendar)

    @property
    def start(self) -> date:
        """First day."""
        return self.calendar.quarter_start(self.year, self.number)

    @property
    def end(self) -> date:
        """First day after."""
        return self.shift(1).start

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.end - self.start).days

    @property
    def weeks(self) -> int:
        """Length in weeks, 13 or 14: a few days missing or left over are the last week's."""
        return round(self.days / 7)

    def month_bounds(self) -> tuple[tuple[date, date], ...]:
        """Return first day and first day after of the quarter's three months.

        The 14th week of a quarter belongs to its last month.
        """
        if self.calendar.weeks:
            lengths = [int(weeks) for weeks in self.calendar.weeks.split("-")]
            second = self.start + timedelta(weeks=lengths[0])
            third = second + timedelta(weeks=lengths[1])
        else:
            second, third = add_months(self.start, 1), add_months(self.start, 2)
        return (self.start, second), (second, third), (third, self.end)

    def shift(self, quarters: int) -> Quarter:
        """Return the quarter so many quarters later (negative: earlier)."""
        total = self.year * 4 + self.number - 1 + quarters
        return Quarter(total // 4, total % 4 + 1, self.calendar)

    def week_starts(self) -> Iterator[date]:
        """Yield the first day of each week of the quarter, counted from its start."""
        day = self.start
        while day < self.end:
            yield day
            day += timedelta(days=7)

    def week_of(self, day: date) -> int:
        """Return the week (0-based) of a day within the quarter."""
        return (day - self.start).days // 7

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"


def month_starts(first: date, last: date) -> Iterator[date]:
    """Yield the first days of months in ``[first, last]``.

    Examples
    --------
    >>> [str(day) for day in month_starts(date(2011, 1, 15), date(2011, 3, 1))]
    ['2011-02-01', '2011-03-01']
    """
    day = first if first.day == 1 else add_months(first.replace(day=1), 1)
    while day <= last:
        yield day
        day = add_months(day, 1)
