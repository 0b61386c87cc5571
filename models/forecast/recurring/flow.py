"""MRR that comes and goes beside ends and renewals: new lines, returns, more or less in mid-term.

Where no simulated deals are given, past moves of the same phase of earlier quarters are drawn
again: each counts a Poisson number of times, so that sizes, places and the rush before a quarter's
end are those of the company. What existing customers add or drop grows with the base. How busy the
last quarter was, against the ones before, carries over in part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.days import day_number
from features.deals.days import SPAN, Floats, Ints, day_of
from lifecycle.periods import Quarter
from models.forecast.recurring.book import Book
from models.forecast.recurring.facts import Flags
from models.forecast.recurring.hazards import SHOCK_DAYS, history_start

PAST_QUARTERS = 6
CARRIED = 0.5
"""Power to which a busy quarter carries over: a shock's persistence over a quarter."""
PRIOR_MOVES = 40.0
VOLUME_SD = 0.15


@dataclass(frozen=True)
class Flow:
    """Moves that may come again, each of shape (m,).

    ``line`` is a row of the book (whose places it takes), ``day`` when it would come, ``mrr`` the
    step (minor units), ``weight`` the expected number of times; ``is_new``: of an account that
    paid nothing before.
    """

    line: Ints
    day: Ints
    mrr: Floats
    weight: Floats
    is_new: Flags


def past_moves(book: Book) -> Flow:
    """Return the moves of the past that neither ends nor renewals explain, weights 1."""
    steps = book.steps
    at_term = np.isin(
        steps.line * SPAN + steps.day, book.terms.line * SPAN + book.terms.day
    ) & ~book.is_open()[steps.line]  # fmt: skip
    kept = (steps.level > 0) & (steps.delta != 0) & ~at_term & (steps.kind >= 0)
    kept &= (steps.day >= history_start(book)) & (steps.day < book.day)
    fresh = _balance_before(book) <= 0
    rows = np.flatnonzero(kept)
    return Flow(
        steps.line[rows], steps.day[rows], steps.delta[rows], np.ones(len(rows)), fresh[rows]
    )


def _balance_before(book: Book) -> Floats:
    """Return what the account of each step paid before the step's day (minor units)."""
    steps = book.steps
    account = book.account[steps.line]
    account = np.where(account < 0, len(book) + account.max(initial=0) + steps.line, account)
    order = np.lexsort((steps.day, account))
    key = account[order] * SPAN + steps.day[order]
    running = np.append(0.0, np.cumsum(steps.delta[order]))
    starts = np.searchsorted(key, account[order] * SPAN, "left")
    here = np.searchsorted(key, key, "left")
    found = np.empty(len(order))
    found[order] = running[here] - running[starts]
    return np.round(found)


def expected_flow(book: Book, quarter: Quarter) -> Flow:
    """Return what past quarters say will still come before a quarter ends.

    Parameters
    ----------
    quarter
        The one forecast; quarters between the book's day and it are filled too.
    """
    moves = past_moves(book)
    now = Quarter.containing(day_of(book.day), quarter.calendar)
    scale = np.where(moves.is_new, 1.0, _growth(book, moves.day))
    mrr = moves.mrr * scale * busyness(book, moves)
    donors = _phases(book, moves.day, now)
    parts: list[Flow] = []
    target = now
    while target.start <= quarter.start:
        first, length = day_number(target.start), target.days
        day = first + np.floor(donors[0] * length).astype(np.int64)
        kept = (donors[1] > 0) & (day >= book.day)
        weight = donors[1] * np.where(np.isnan(donors[0]), 0, 1)
        parts.append(Flow(moves.line[kept], day[kept], mrr[kept], weight[kept], moves.is_new[kept]))
        target = target.shift(1)
    return _join(parts)


def _phases(book: Book, days: Ints, now: Quarter) -> tuple[Floats, Floats]:
    """Return how far into its quarter each move came (a share), and how often it counts."""
    history = history_start(book)
    phase, weight = np.zeros(len(days)), np.zeros(len(days))
    past = [now.shift(-back) for back in range(1, PAST_QUARTERS + 1)]
    past = [one for one in past if day_number(one.start) >= history]
    for one in past:
        first = day_number(one.start)
        inside = (days >= first) & (days < first + one.days)
        phase[inside] = (days[inside] - first) / one.days
        weight[inside] = 1.0 / len(past)
    if not past:  # less than a quarter is known: any day is like any other
        known = max(book.day - history, 1)
        phase = (days - history) / known
        weight = np.full(len(days), now.days / known)
    return phase, weight


def _growth(book: Book, days: Ints) -> Floats:
    """Return the MRR of now over that of past days, (m,)."""
    order = np.argsort(book.steps.day, kind="stable")
    running = np.append(0.0, np.cumsum(book.steps.delta[order]))
    at = np.searchsorted(book.steps.day[order], np.append(days, book.day), "left")
    total = running[at]
    ratio = total[-1] / np.maximum(total[:-1], 1.0)
    return np.asarray(np.clip(ratio, 0.5, 2.0))


def busyness(book: Book, moves: Flow) -> float:
    """Return how busy the last 13 weeks were against the same weeks of earlier quarters."""
    history = history_start(book)
    counts = []
    for back in range(4):
        end = book.day - back * SHOCK_DAYS
        if end - SHOCK_DAYS >= history:
            inside = (moves.day >= end - SHOCK_DAYS) & (moves.day < end) & (moves.mrr > 0)
            counts.append(float(inside.sum()))
    if len(counts) < 2:
        return 1.0
    expected = float(np.mean(counts[1:]))
    return float(((PRIOR_MOVES + counts[0]) / (PRIOR_MOVES + expected)) ** CARRIED)


def _join(parts: Sequence[Flow]) -> Flow:
    names = ("line", "day", "mrr", "weight", "is_new")
    return Flow(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))
