"""Plain rules for recurring revenue: what every forecast has to beat, each at every node.

They look at the book of the origin and, for what past quarters teach, at what that book says of
them. `run rate` is what a quarter brings if nothing more happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from features.days import day_number
from features.deals.days import NEVER, Floats, day_of
from lifecycle.periods import Quarter, month_starts
from models.forecast.grid import normal_grid
from models.forecast.nodes import Nodes
from models.forecast.raw import ENDING_ARR, RENEWALS, REVENUE, Leg
from models.forecast.recurring.book import DAY_SHARE, Book
from models.forecast.recurring.hazards import history_start
from models.forecast.recurring.layout import due_terms, renewed_value
from models.forecast.totals import TotalsForecaster

PAST_QUARTERS = 8
SHARE_PRIOR = 0.25
"""Share of a quarter that the usual size of a quarter weighs in pacing."""
WIDTH_SHARE = 0.25
LONGEST_SERIES_DAYS = 5 * 366

ByTarget = Mapping[str, Floats]


@dataclass(frozen=True)
class Seen:
    """A quarter from one of its days: by target, (nodes,) minor units.

    ``to_date`` is in already (ending ARR: the ARR of the day), ``run_rate`` what it comes to if
    nothing more happens, ``final`` what it came to by the book.
    """

    to_date: ByTarget
    run_rate: ByTarget
    final: ByTarget


def see(book: Book, nodes: Nodes, quarter: Quarter, *, day: int) -> Seen:
    """Look at a quarter from one of its days, knowing what the book knows of it now."""
    start, end = day_number(quarter.start), day_number(quarter.end)
    day = min(max(day, start), end)
    level = book.levels(min(day, book.day))
    line, due = due_terms(book, day, end)
    due = np.bincount(line, weights=level[line] * 12.0, minlength=len(book))
    renewed = renewed_value(book, start, day)
    revenue = book.revenue(start, day)
    parts = {
        REVENUE: (revenue, revenue + level * (end - day) * DAY_SHARE, book.revenue(start, end)),
        ENDING_ARR: (level * 12.0, level * 12.0, book.levels(end - 1) * 12.0),
        RENEWALS: (renewed, renewed + due, renewed_value(book, start, end)),
    }
    sums = {name: nodes.sum(np.column_stack(columns)) for name, columns in parts.items()}
    told = [{name: columns[:, n] for name, columns in sums.items()} for n in range(3)]
    return Seen(*told)


def rival_legs(
    book: Book, nodes: Nodes, quarter: Quarter, *, forecaster: TotalsForecaster
) -> dict[str, dict[str, Leg]]:
    """Return the plain rules by target and name.

    Parameters
    ----------
    book
        As known on the origin.
    nodes
        Of the book's lines.
    quarter
        What is forecast.
    forecaster
        Fits time series, each once.
    """
    now = see(book, nodes, quarter, day=book.day)
    running = Quarter.containing(day_of(book.day), quarter.calendar)
    past = [running.shift(-back) for back in range(1, PAST_QUARTERS + 1)]
    past = [one for one in past if day_number(one.start) >= history_start(book)]
    whole = [see(book, nodes, one, day=day_number(one.end)) for one in past]
    ahead = book.day - day_number(quarter.start)
    at_week = [
        see(book, nodes, one, day=day_number(one.start) + max(ahead, 0)) for one in past
    ]  # fmt: skip
    contracted = _contracted(book, nodes, quarter)
    series = _series(book, quarter, forecaster)
    found: dict[str, dict[str, Leg]] = {}
    for target in (REVENUE, ENDING_ARR, RENEWALS):
        means = {"commit": contracted[target], **_static(whole, now, target)}
        if past:
            means["conversion"] = _conversion(at_week, now, target)
            means["pacing"] = _pacing(at_week, now, target)
        for name, total in series.get(target, {}).items():
            means[name] = np.append(total, np.full(len(nodes.names) - 1, np.nan))
        to_date = now.to_date[target] * (book.day >= day_number(quarter.start))
        found[target] = {name: point_leg(mean, to_date) for name, mean in means.items()}
    return found


def point_leg(mean: Floats, to_date: Floats) -> Leg:
    """Return a rule's leg: a quarter of what it adds is its deviation until its record speaks."""
    return Leg(mean, normal_grid(mean, WIDTH_SHARE * np.abs(mean - to_date)))


def _static(whole: Sequence[Seen], now: Seen, target: str) -> dict[str, Floats]:
    """Return last quarter's, and that of a year ago times the growth since."""
    if not whole:
        return {}
    least = np.zeros(1) if target == ENDING_ARR else now.to_date[target]
    finals = [one.final[target] for one in whole]
    found = {"last_quarter": np.maximum(finals[0], least)}
    if len(finals) >= 4:
        growth = 1.0
        if len(finals) >= 5 and finals[4][0] > 0:
            growth = float(finals[0][0] / finals[4][0])
        found["seasonal_naive"] = np.maximum(finals[3] * growth, least)
    return found


def _conversion(past: Sequence[Seen], now: Seen, target: str) -> Floats:
    """Return the run rate times what it turned out to be worth at the same day of past quarters."""
    final = np.sum([one.final[target] for one in past], axis=0)
    rate = np.sum([one.run_rate[target] for one in past], axis=0)
    every = final[0] / rate[0] if rate[0] > 0 else 1.0
    ratio = np.divide(final, rate, out=np.full(len(final), every), where=rate > 0)
    return np.asarray(now.run_rate[target] * ratio)


def _pacing(past: Sequence[Seen], now: Seen, target: str) -> Floats:
    """Return what the share that is usually in by now says; of ARR, the usual step from here."""
    final = np.sum([one.final[target] for one in past], axis=0)
    to_date = np.sum([one.to_date[target] for one in past], axis=0)
    if target == ENDING_ARR:
        return np.asarray(now.to_date[target] + (final - to_date) / len(past))
    share = np.divide(to_date, final, out=np.zeros(len(final)), where=final > 0)
    growth = 1.0
    if len(past) > 1 and past[-1].final[target][0] > 0:
        growth = (past[0].final[target][0] / past[-1].final[target][0]) ** (1 / (len(past) - 1))
    usual = past[0].final[target] * growth
    size = (now.to_date[target] + SHARE_PRIOR * usual) / (share + SHARE_PRIOR)
    return np.asarray(now.to_date[target] + (1.0 - share) * size)


def _contracted(book: Book, nodes: Nodes, quarter: Quarter) -> dict[str, Floats]:
    """Return what is contracted on the day: booked steps and notices, and nothing else."""
    start, end = day_number(quarter.start), day_number(quarter.end)
    since = np.maximum(np.minimum(book.ends_on, end), max(start, book.day))
    last = np.where(book.ends_on < end, 0.0, book.levels(end - 1))
    gone = np.where(book.ends_on < NEVER, book.levels(book.day), 0.0) * (end - since) * DAY_SHARE
    line, day = due_terms(book, max(book.day, start), end)
    goes_on = (book.ends_on[line] > day) & (book.level_at(line, day) > 0)
    value = book.levels(book.day)[line] * 12.0 * goes_on
    due = np.bincount(line, weights=value, minlength=len(book))
    renewed = renewed_value(book, start, min(book.day, end))
    return {
        REVENUE: nodes.sum(book.revenue(start, end) - gone),
        ENDING_ARR: nodes.sum(last * 12.0),
        RENEWALS: nodes.sum(renewed + due),
    }


def _series(
    book: Book, quarter: Quarter, forecaster: TotalsForecaster
) -> dict[str, dict[str, float]]:
    """Return totals of the time series by target and leg: ARR on the first of each month.

    Between months, and from the last of them to today, ARR moves in a straight line; what is
    known of today moves the whole path.
    """
    first = max(history_start(book), book.day - LONGEST_SERIES_DAYS)
    months = [day_number(one) for one in month_starts(day_of(first), day_of(book.day))]
    if len(months) < 3:
        return {}
    values = np.array([[book.levels(day - 1).sum() * 12.0 for day in months]])
    start, end = day_number(quarter.start), day_number(quarter.end)
    later = month_starts(day_of(months[-1]) + timedelta(days=1), day_of(end + 31))
    ahead = [months[-1], *map(day_number, later)]
    now = float(book.levels(book.day).sum() * 12.0)
    to_date = float(book.revenue(start, min(max(book.day, start), end)).sum())
    found: dict[str, dict[str, float]] = {REVENUE: {}, ENDING_ARR: {}}
    days = np.arange(max(book.day, start), end)
    for name, path in forecaster.extend(values, steps=len(ahead) - 1).items():
        line = np.append(values[0, -1], path[0])
        moved = now - float(np.interp(book.day, ahead, line))
        found[ENDING_ARR][name] = float(np.interp(end, ahead, line) + moved)
        rest = np.interp(days, ahead, line) + moved
        found[REVENUE][name] = to_date + float(rest.sum()) * DAY_SHARE / 12.0
    return found
