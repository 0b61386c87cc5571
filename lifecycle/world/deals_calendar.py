"""The selling year: quarters, the hockey stick at their end, and the season of new deals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.periods import Quarter

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BEYOND_WEEKS = 60
"""Weeks after the last one that hazards may be asked for: truth looks ahead of the data."""

HOCKEY_STICK = {0: 1.0, 1: 0.75, 2: 0.4, 3: 0.15}
"""Log of how much likelier a deal is won, by whole weeks left in the quarter."""

QUIET_START = -0.25
"""The same for all other weeks: what is won at the end is not won at the start."""

MONTH_SEASON = (-0.08, 0.02, 0.08, 0.05, 0.06, 0.04, -0.12, -0.18, 0.1, 0.1, 0.06, -0.25)
"""Log of how many leads come in, January first."""

WORKDAY_WEIGHTS = (0.16, 0.2, 0.2, 0.22, 0.22)
"""When in the week deals are closed, Monday first."""

RUSH = 3.0
"""How much likelier a close falls before a quarter end that lies inside the week."""


@dataclass(frozen=True)
class SellingCalendar:
    """What each week means to sellers; arrays run :data:`BEYOND_WEEKS` past the data.

    Attributes
    ----------
    start
        First day of week 0, a Monday.
    weeks
        Weeks of data.
    quarter
        Number of the fiscal quarter that holds the week's first day, from 0.
    quarter_end
        First day after that quarter, in days since the start.
    weeks_left
        Whole weeks from the week's first day to that end.
    push
        Log multiplier of the hazard to win.
    season
        Log multiplier of new leads.
    early_share
        Chance that a close of this week falls before the quarter's end.
    sweep
        Weeks in which operations close what is too old: the second of every other quarter.
    """

    start: date
    weeks: int
    quarter: Ints
    quarter_end: Ints
    weeks_left: Ints
    push: Floats
    season: Floats
    early_share: Floats
    sweep: npt.NDArray[np.bool_]

    def day_weights(self, week: int) -> Floats:
        """Return the chance of each workday (5,) of a week to be the day of a close."""
        left = self.quarter_end[week] - 7 * week
        weights = np.array(WORKDAY_WEIGHTS)
        if left < len(weights):
            weights[:left] *= RUSH
        return np.asarray(weights / weights.sum())

    def date_of(self, day: int) -> date:
        """Return the calendar day of an offset in days."""
        return self.start + timedelta(days=int(day))


def build_calendar(start: date, weeks: int) -> SellingCalendar:
    """Lay out the weeks of a world whose fiscal year is the calendar year."""
    count = weeks + BEYOND_WEEKS
    firsts = [start + timedelta(days=7 * week) for week in range(count)]
    quarters = [Quarter.containing(day) for day in firsts]
    names = sorted(set(quarters))
    ends = np.array([(quarter.end - start).days for quarter in quarters])
    left = (ends - 7 * np.arange(count)) // 7
    calendar = {
        "quarter": np.array([names.index(quarter) for quarter in quarters]),
        "quarter_end": ends,
        "weeks_left": left,
        "push": np.array([HOCKEY_STICK.get(int(one), QUIET_START) for one in left]),
        "sweep": _second_weeks(np.array([names.index(quarter) for quarter in quarters])),
        "season": np.array([MONTH_SEASON[day.month - 1] for day in firsts]),
    }
    return _with_early_shares(SellingCalendar(start, weeks, early_share=np.ones(count), **calendar))


def _second_weeks(quarter: Ints) -> npt.NDArray[np.bool_]:
    starts = np.append(True, quarter[1:] != quarter[:-1])
    return np.asarray(np.append(False, starts[:-1]) & (quarter % 2 == 0))


def _with_early_shares(calendar: SellingCalendar) -> SellingCalendar:
    for week in range(len(calendar.quarter)):
        left: Any = calendar.quarter_end[week] - 7 * week
        if left < len(WORKDAY_WEIGHTS):
            calendar.early_share[week] = calendar.day_weights(week)[:left].sum()
    return calendar
