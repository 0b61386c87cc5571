"""From what was known at an origin to the inputs of a simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from features.days import day_number
from features.deals.bookings import OpenBook, Wins
from features.deals.days import Floats, Ints
from features.deals.territories import Texts
from lifecycle.periods import Quarter
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.bookings.pool import PastPoint, Pool, draw_pool
from models.forecast.bookings.record import DealRecord, Marked, same_day
from models.forecast.bookings.shock import (
    FEWEST_QUARTERS,
    Shock,
    helps,
    learn_law,
    run_filter,
    shock_on,
)
from models.forecast.nodes import DIMENSIONS, FloatArray, IntArray, build_nodes

PAST_QUARTERS = 8
SEEN_QUARTERS = 4
"""Quarters whose wins name the nodes, beside the open book: who sold lately may sell again."""
LEVEL_SD = 0.1
"""Deviation of the log odds by which a model fitted on few quarters is off as a whole."""
AMOUNT_SD = 0.08
POOL_POWER = 0.5
NEXT_DAYS, QUARTER_DAYS = 30, 91
PRIOR_YIELD, PRIOR_YIELD_QUARTERS = 0.05, 2.0


def lay_out(
    record: DealRecord,
    marked: Marked,
    origin: date,
    quarter: Quarter,
    *,
    ahead: int,
    shocks: bool = True,
) -> BookingsInputs:
    """Return the inputs of a quarter's simulation, as known at an origin.

    Parameters
    ----------
    record, marked
        Facts, and the open book of the days that are needed.
    origin, quarter
        As-of day, and what is forecast.
    ahead
        Quarters from the running one to it.
    shocks
        Whether common shocks are felt.
    """
    day, start, end = (day_number(one) for one in (origin, quarter.start, quarter.end))
    known = record.wins.take(record.wins.known(day))
    rows = marked.rows(day)
    book = marked.book.take(rows)
    amount, ratio = marked.chances.haircut(day).expect(marked.marks.shown.take(rows), book.foreign)
    chance = marked.chances.chances(rows, day, ahead=ahead)
    points = past_points(record, origin, quarter)
    pool = find_pool(record, marked, known, points)
    won = known.take((known.closed >= start) & (known.closed < end))
    lately = known.take(known.closed >= start - SEEN_QUARTERS * QUARTER_DAYS)
    names, _ = nodes_of([book.dimensions, won.dimensions, lately.dimensions])
    places, own, to_come = (
        build_nodes(_plain(one.dimensions), among=names).places for one in (book, won, pool.wins)
    )
    shock, deviation = (0.0, 0.0)
    if shocks:
        shock, deviation = feel(record, marked, origin, quarter, ahead=ahead)
    then = marked.book.take(marked.rows(max(min(day_number(quarter.start), day), 0)))
    return BookingsInputs(
        origin_day=day, start_day=start, end_day=end, nodes=names,
        deal_id=np.array(record.facts.ids.take(book.deal).to_pylist(), dtype=object),
        stage=_told(book.stage), owner=_told(book.dimensions["owner"]), places=places,
        log_odds=np.log(chance / (1.0 - chance)),
        next_chance=_next_chance(marked, rows, day, ahead=ahead),
        amount_minor=amount, haircut=ratio,
        due=_due(book, start, end), slipped=_slipped(book, then, start, end),
        noise_sd=marked.chances.haircut(day).noise_sd,
        pool_amount=np.nan_to_num(pool.wins.amount_minor), pool_day=pool.created_on,
        pool_places=to_come, pool_expected=pool.expected, pool_sd=pool.spread * shocks,
        created_yield=created_yield(marked, known, points),
        to_date_minor=sum_wins(won, own, len(names)),
        win=shock, win_sd=deviation, amount_sd=AMOUNT_SD * shocks, pool_power=POOL_POWER,
    )  # fmt: skip


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


def feel(
    record: DealRecord, marked: Marked, origin: date, quarter: Quarter, *, ahead: int
) -> tuple[float, float]:
    """Return mean and deviation of the shock on winning over what is left of the quarter.

    The posterior's mean is used only if it would have come nearer to the wins of past quarters.
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
    """Say whether the filter came nearer to the wins of past quarters; false with too few.

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
    counts: list[tuple[float, float, float]] = []
    for one in past:
        start, end = day_number(one.start), day_number(one.end)
        inside = known.deal[(known.closed >= start) & (known.closed < end)]
        for day in (day_number(first) for first in one.week_starts()):
            if day in shocks:
                won = float(np.isin(marked.book.deal[marked.rows(day)], inside).sum())
                expected, more = marked.count_won(day, 0)
                felt = expected + more * shocks[day].over((end - day) / 7)[0]
                counts.append((won, expected, felt))
    return len(past) >= FEWEST_QUARTERS and helps(*zip(*counts, strict=True))


def created_yield(marked: Marked, known: Wins, points: Sequence[PastPoint]) -> float:
    """Return the share of the amount created around the origin that the quarter usually wins.

    Deals created in the fortnight after the same day of past quarters, at the amount they had
    when they first stood in the open book; drawn to a small share as if of two more quarters.
    """
    created = won = 0.0
    for one in points:
        new = marked.book.take(marked.rows_between(one.day, one.day + 21))
        _, first = np.unique(new.deal, return_index=True)
        new = new.take(first)
        new = new.take((new.created >= one.day) & (new.created < one.day + 14))
        created += float(np.nansum(new.amount_minor))
        inside = known.take((known.closed >= one.start) & (known.closed < one.end))
        own = inside.amount_minor[np.isin(inside.deal, new.deal)]
        won += float(np.nansum(own))
    usual = created / max(len(points), 1)
    if usual <= 0:
        return PRIOR_YIELD
    held = PRIOR_YIELD_QUARTERS * usual
    return (won + PRIOR_YIELD * held) / (created + held)


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
