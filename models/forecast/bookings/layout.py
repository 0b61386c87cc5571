"""From what was known at an origin to the inputs of a simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from features.days import day_number
from features.deals.bookings import OpenBook, Wins
from features.deals.days import Floats, Ints
from features.deals.territories import Texts
from lifecycle.errors import UsageError
from lifecycle.periods import Quarter
from models.forecast.bookings.chances import MOST_AHEAD
from models.forecast.bookings.coming import created_yield, find_pool, past_points
from models.forecast.bookings.feeling import feel
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.bookings.record import DealRecord, Marked
from models.forecast.nodes import DIMENSIONS, FloatArray, IntArray, build_nodes

SEEN_QUARTERS = 4
"""Quarters whose wins name the nodes, beside the open book: who sold lately may sell again."""
AMOUNT_SD = 0.08
POOL_POWER = 0.5
NEXT_DAYS, QUARTER_DAYS = 30, 91


def lay_out(
    record: DealRecord, marked: Marked, *, origin: date, quarter: Quarter, shocks: bool = True
) -> BookingsInputs:
    """Return the inputs of a quarter's simulation, as known at an origin.

    Parameters
    ----------
    record, marked
        Facts, and the open book of the days that are needed.
    origin, quarter
        As-of day, and what is forecast.
    shocks
        Whether common shocks are felt.

    Raises
    ------
    UsageError
        The quarter is over, or lies more than two quarters ahead.
    """
    ahead = check_ahead(origin, quarter)
    day, start, end = (day_number(one) for one in (origin, quarter.start, quarter.end))
    known = record.wins.take(record.wins.known(day))
    points = past_points(record, origin, quarter)
    pool = find_pool(record, marked, known, points)
    won = known.take((known.closed >= start) & (known.closed < end))
    lately = known.take(known.closed >= start - SEEN_QUARTERS * QUARTER_DAYS)
    book = marked.book.take(marked.rows(day))
    names, _ = nodes_of([book.dimensions, won.dimensions, lately.dimensions])
    places, own, to_come = (
        build_nodes(_plain(one.dimensions), among=names).places for one in (book, won, pool.wins)
    )
    shock = feel(record, marked, origin, quarter, ahead=ahead) if shocks else (0.0, 0.0)
    return BookingsInputs(
        origin_day=day, start_day=start, end_day=end, nodes=names, places=places,
        **_deals(record, marked, quarter, day=day, ahead=ahead),
        pool_amount=np.nan_to_num(pool.wins.amount_minor), pool_day=pool.created_on,
        pool_places=to_come, pool_expected=pool.expected, pool_sd=pool.spread * shocks,
        created_yield=created_yield(marked, known, points),
        to_date_minor=sum_wins(won, own, len(names)),
        win=shock[0], win_sd=shock[1], amount_sd=AMOUNT_SD * shocks, pool_power=POOL_POWER,
    )  # fmt: skip


def _deals(
    record: DealRecord, marked: Marked, quarter: Quarter, *, day: int, ahead: int
) -> dict[str, Any]:
    """Return what is known of each deal open on a day, by field of the inputs."""
    rows, start, end = marked.rows(day), day_number(quarter.start), day_number(quarter.end)
    book, haircut = marked.book.take(rows), marked.chances.haircut(day)
    amount, ratio = haircut.expect(marked.marks.shown.take(rows), book.foreign)
    chance = marked.chances.chances(rows, day, ahead=ahead)
    then = marked.book.take(marked.rows(min(start, day)))
    return {
        "deal_id": np.array(record.facts.ids.take(book.deal).to_pylist(), dtype=object),
        "stage": _told(book.stage),
        "owner": _told(book.dimensions["owner"]),
        "log_odds": np.log(chance / (1.0 - chance)),
        "next_chance": _next_chance(marked, rows, day, ahead=ahead),
        "amount_minor": amount,
        "haircut": ratio,
        "due": _due(book, start, end),
        "slipped": _slipped(book, then, start, end),
        "noise_sd": haircut.noise_sd,
    }


def check_ahead(origin: date, quarter: Quarter) -> int:
    """Return how many quarters after the running one a quarter comes.

    Raises
    ------
    UsageError
        It is over, or more than two quarters ahead.
    """
    running = Quarter.containing(origin, quarter.calendar)
    ahead = (quarter.year - running.year) * 4 + quarter.number - running.number
    if not 0 <= ahead <= MOST_AHEAD:
        raise UsageError(
            f"bookings of {quarter} asked on {origin}",
            f"the running quarter or up to {MOST_AHEAD} quarters ahead",
            f"ask for {running} to {running.shift(MOST_AHEAD)}",
        )
    return ahead


def nodes_of(
    units: Sequence[Mapping[str, Texts]],
) -> tuple[tuple[str, ...], list[IntArray]]:
    """Return the names of nodes that units lie in, and each group's rows in them.

    Every dimension has its ``unassigned``, for what comes later and lies in none of the others.
    """
    together = {
        name: [None, *(text for group in units for text in group[name].tolist())]
        for name in DIMENSIONS
    }
    names = build_nodes(together).names
    return names, [build_nodes(_plain(group), among=names).places for group in units]


def sum_wins(won: Wins, places: IntArray, nodes: int) -> FloatArray:
    """Return the money of wins by node, (nodes,) minor units; one without an amount adds none."""
    amount = np.nan_to_num(won.amount_minor)
    found = np.zeros(nodes)
    found[0] = amount.sum()
    for column in places.T:
        found += np.bincount(column, weights=amount, minlength=nodes)
    return found


def _next_chance(marked: Marked, rows: Ints, day: int, *, ahead: int) -> Floats:
    """Return P(won in the 30 days after the quarter): its share of the next quarter's chance."""
    if ahead + 1 >= marked.marks.after.shape[1]:
        return np.zeros(len(rows))
    following = marked.chances.chances(rows, day, ahead=ahead + 1)
    return np.asarray(following * NEXT_DAYS / QUARTER_DAYS)


def _due(book: OpenBook, start: int, end: int) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray((book.close_on >= start) & (book.close_on < end))


def _slipped(book: OpenBook, then: OpenBook, start: int, end: int) -> np.ndarray:
    was = np.isin(book.deal, then.deal[_due(then, start, end)])
    with np.errstate(invalid="ignore"):
        return np.asarray(was & (book.close_on >= end))


def _plain(units: Mapping[str, Texts]) -> dict[str, list[str | None]]:
    return {name: units[name].tolist() for name in DIMENSIONS}


def _told(texts: Texts) -> Texts:
    return np.array([one or "" for one in texts.tolist()], dtype=object)
