"""What is yet to be created, read off past quarters at the same point of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from features.days import day_number
from features.deals.bookings import Wins
from lifecycle.periods import Quarter
from models.forecast.bookings.pool import PAST_QUARTERS, PastPoint, Pool, draw_pool
from models.forecast.bookings.record import DealRecord, Marked, same_day

PRIOR_YIELD, PRIOR_YIELD_QUARTERS = 0.05, 2.0
NEW_DAYS, SEEN_DAYS = 14, 21
"""Deals of a fortnight are looked at; after three weeks each has stood in the open book."""


def past_points(record: DealRecord, origin: date, quarter: Quarter) -> list[PastPoint]:
    """Return up to eight past quarters on record, each with the day that matches the origin."""
    running, found = Quarter.containing(origin, quarter.calendar), []
    for back in range(1, PAST_QUARTERS + 1):
        past = running.shift(-back)
        day = same_day(origin, quarter, past)
        if day >= record.learn_from:
            found.append(PastPoint(day_number(past.start), day_number(past.end), day))
    return found


def find_pool(record: DealRecord, marked: Marked, known: Wins, points: Sequence[PastPoint]) -> Pool:
    """Return the deals to come as past quarters show them, from what is known at the origin."""
    past = [
        (one, record.wins.take(record.wins.known(one.day)), marked.book.deal[marked.rows(one.day)])
        for one in points
    ]
    return draw_pool(known, past)


def created_yield(marked: Marked, known: Wins, points: Sequence[PastPoint]) -> float:
    """Return the share of the amount created around the origin that the quarter usually wins.

    Deals created in the fortnight after the same day of past quarters, at the amount they had
    when they first stood in the open book; drawn to a small share as if of two more quarters.
    """
    created = won = 0.0
    for one in points:
        new = marked.book.take(marked.rows_between(one.day, one.day + SEEN_DAYS))
        _, first = np.unique(new.deal, return_index=True)
        new = new.take(first)
        new = new.take((new.created >= one.day) & (new.created < one.day + NEW_DAYS))
        created += float(np.nansum(new.amount_minor))
        inside = known.take((known.closed >= one.start) & (known.closed < one.end))
        own = inside.amount_minor[np.isin(inside.deal, new.deal)]
        won += float(np.nansum(own))
    usual = created / max(len(points), 1)
    if usual <= 0:
        return PRIOR_YIELD
    held = PRIOR_YIELD_QUARTERS * usual
    return (won + PRIOR_YIELD * held) / (created + held)
