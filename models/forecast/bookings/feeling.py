"""How the shock on winning enters a forecast: by its posterior, if its record allows it."""

from __future__ import annotations

from datetime import date

import numpy as np

from features.days import day_number
from lifecycle.periods import Quarter
from models.forecast.bookings.pool import PAST_QUARTERS
from models.forecast.bookings.record import DealRecord, Marked
from models.forecast.bookings.shock import (
    FEWEST_QUARTERS,
    Shock,
    helps,
    learn_law,
    run_filter,
    shock_on,
)

LEVEL_SD = 0.1
"""Deviation of the log odds by which a model fitted on few quarters is off as a whole."""


def feel(
    record: DealRecord, marked: Marked, origin: date, quarter: Quarter, *, ahead: int
) -> tuple[float, float]:
    """Return mean and deviation of the shock on winning over what is left of the quarter.

    The posterior's mean is used only if it would have come nearer to the money of past quarters.
    """
    running = Quarter.containing(origin, quarter.calendar)
    day, began = day_number(origin), day_number(running.start)
    weeks = marked.weeks(day, record.wins)
    found = shock_on(weeks, day, began)
    left = (quarter.end - max(origin, quarter.start)).days / 7
    wait = max((quarter.start - origin).days, 0) / 7
    mean, deviation = found.over(left, ahead=ahead, wait=wait)
    if not filter_helps(record, marked, running):
        mean = 0.0
        deviation = Shock(0.0, found.law.size**2, found.law).over(left)[1]
    return mean, float(np.hypot(deviation, LEVEL_SD))


def filter_helps(record: DealRecord, marked: Marked, running: Quarter) -> bool:
    """Say whether the filter came nearer to the money of past quarters; false with too few.

    Judged with what was known when the running quarter began.
    """
    began = day_number(running.start)
    if began not in marked.gates:
        marked.gates[began] = _judge_filter(record, marked, running)
    return marked.gates[began]


def _judge_filter(record: DealRecord, marked: Marked, running: Quarter) -> bool:
    began = day_number(running.start)
    known = record.wins.take(record.wins.known(began))
    weeks = marked.weeks(began, record.wins)
    shocks = dict(zip(weeks.day.tolist(), run_filter(weeks, learn_law(weeks))[0], strict=False))
    past = [running.shift(-back) for back in range(1, PAST_QUARTERS + 1)]
    past = [one for one in past if day_number(one.start) >= marked.chances.first_learned]
    said: list[tuple[float, float, float]] = []
    for one in past:
        start, end = day_number(one.start), day_number(one.end)
        inside = known.take((known.closed >= start) & (known.closed < end))
        for day in (day_number(first) for first in one.week_starts()):
            if day in shocks:
                won = np.isin(inside.deal, marked.book.deal[marked.rows(day)])
                expected, more = marked.expect_won(day)
                felt = expected + more * shocks[day].over((end - day) / 7)[0]
                said.append((float(np.nansum(inside.amount_minor[won])), expected, felt))
    return len(past) >= FEWEST_QUARTERS and helps(*zip(*said, strict=True))
