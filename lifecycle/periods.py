"""Quarters (any fiscal year start), months and weeks: half-open spans ``[start, end)`` of days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lifecycle.errors import UsageError

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
class Quarter:
    """One fiscal quarter; the fiscal year is named by the calendar year in which it ends.

    Examples
    --------
    >>> quarter = Quarter.parse("2012Q1", first_month=12)
    >>> quarter.start, quarter.end
    (datetime.date(2011, 12, 1), datetime.date(2012, 3, 1))
    >>> str(Quarter.containing(date(2011, 11, 30), first_month=12))
    '2011Q4'
    """

    year: int
    number: int
    first_month: int = 1

    @classmethod
    def parse(cls, name: str, first_month: int = 1) -> Quarter:
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
        return cls(int(match[1]), int(match[2]), first_month)

    @classmethod
    def containing(cls, day: date, first_month: int = 1) -> Quarter:
        """Return the quarter in which a day lies."""
        months = (day.month - first_month) % 12
        fiscal_start_year = day.year if day.month >= first_month else day.year - 1
        year = fiscal_start_year if first_month == 1 else fiscal_start_year + 1
        return cls(year, months // 3 + 1, first_month)

    @property
    def start(self) -> date:
        """First day."""
        base = self.year if self.first_month == 1 else self.year - 1
        return add_months(date(base, self.first_month, 1), 3 * (self.number - 1))

    @property
    def end(self) -> date:
        """First day after."""
        return add_months(self.start, 3)

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.end - self.start).days

    def shift(self, quarters: int) -> Quarter:
        """Return the quarter so many quarters later (negative: earlier)."""
        total = self.year * 4 + self.number - 1 + quarters
        return Quarter(total // 4, total % 4 + 1, self.first_month)

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
