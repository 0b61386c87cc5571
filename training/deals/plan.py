"""Which weeks open deals are looked at, and which past quarters candidates are judged on.

A landmark is the first day of a week of a fiscal quarter, counted from the quarter's start; the
single day or two after the thirteenth week have none of their own. A quarter is judged whole: by
models fitted on landmarks of the quarters before it, with what was known on its first day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar, Quarter

WARMUP_QUARTERS = 1
"""Quarters at the start of the record that are not learned from: features have no past there."""
MOST_ORIGINS, FEWEST_ORIGINS = 8, 4
LEAST_PAST_QUARTERS = 2
"""Quarters that had ended before the first one judged: a year's half is the least to learn from."""


@dataclass(frozen=True)
class DealPlan:
    """The past of a company's deals, cut into weeks and quarters.

    Attributes
    ----------
    as_of
        The day training stands on.
    landmarks
        Days on which open deals are looked at, oldest first, all of them before ``as_of``.
    origins
        Past quarters that are judged, oldest first; empty when history holds none.
    calendar
        The company's fiscal calendar.
    note
        What a reader has to know about this judgement.
    """

    as_of: date
    landmarks: tuple[date, ...]
    origins: tuple[Quarter, ...]
    calendar: FiscalCalendar
    note: str

    def learn_days(self, known_on: date) -> list[date]:
        """List the landmarks before a day; in the middle of a quarter some have no label yet.

        Examples
        --------
        >>> plan = plan_deals(date(2020, 1, 6), date(2021, 3, 1))
        >>> str(plan.learn_days(date(2021, 1, 1))[-1])
        '2020-12-24'
        """
        return [day for day in self.landmarks if day < known_on]

    def judge_days(self, quarter: Quarter) -> list[date]:
        """List the landmarks of a quarter."""
        return [day for day in self.landmarks if quarter.start <= day < quarter.end]


def quarter_landmarks(quarter: Quarter) -> list[date]:
    """List a quarter's landmarks: its thirteen (or fourteen) week starts.

    Examples
    --------
    >>> found = quarter_landmarks(Quarter(2021, 1))
    >>> len(found), str(found[-1])
    (13, '2021-03-26')
    """
    return list(islice(quarter.week_starts(), quarter.weeks))


def plan_deals(
    first_day: date,
    as_of: date,
    *,
    calendar: FiscalCalendar = CALENDAR_YEAR,
    most: int = MOST_ORIGINS,
) -> DealPlan:
    """Plan landmarks and judged quarters.

    Parameters
    ----------
    first_day
        Day on which the first deal was opened.
    as_of
        The day training stands on; quarters that have not ended by it are not judged, but their
        landmarks teach what needs no quarter's end (hazards).
    calendar
        The company's fiscal calendar.
    most
        Quarters judged at most, the latest.

    Returns
    -------
    DealPlan
        With no origins where fewer than ``LEAST_PAST_QUARTERS`` quarters precede any.

    Raises
    ------
    NotEnoughHistoryError
        Not even one landmark has its quarter behind it.
    """
    begun = Quarter.containing(first_day, calendar).shift(WARMUP_QUARTERS)
    last = Quarter.containing(as_of, calendar)
    quarters = _quarters(begun, last)
    landmarks = tuple(day for one in quarters for day in quarter_landmarks(one) if day < as_of)
    ended = [one for one in quarters if one.end <= as_of]
    if not ended:
        raise NotEnoughHistoryError(
            f"deals from {first_day} to {as_of}",
            f"a whole quarter after {begun.start}",
            "ingest a longer history of deals, or wait for the quarter to end",
        )
    origins = tuple(ended[LEAST_PAST_QUARTERS:][-most:])
    return DealPlan(as_of, landmarks, origins, calendar, _note(origins, most))


def is_thin(plan: DealPlan) -> bool:
    """Say whether fewer quarters could be judged than are wanted."""
    return len(plan.origins) < FEWEST_ORIGINS


def _quarters(first: Quarter, last: Quarter) -> list[Quarter]:
    found = []
    while first <= last:
        found.append(first)
        first = first.shift(1)
    return found


def _note(origins: Sequence[Quarter], most: int) -> str:
    if not origins:
        return "no past quarter could be judged: too short a history"
    text = f"judged on {len(origins)} past quarters, {origins[0]} to {origins[-1]}, every week"
    if len(origins) < min(FEWEST_ORIGINS, most):
        text += f"; fewer than the {FEWEST_ORIGINS} wanted"
    return text
