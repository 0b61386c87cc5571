"""The truth about a quarter's bookings: their distribution given every latent at a week's start.

What is won already counts as it is. Open deals, and those yet to be opened, go on by the law that
made them; only what can still be won before the quarter ends is continued. Draws share a path of
the economy in groups: given the path deals are independent of each other, so the chance of each is
summed exactly forwards over its stages and then tossed for (Rao-Blackwell), and newcomers, whose
number is Poisson given the path, are thinned by their chance. The mean needs no tossing at all.

Left out, as rare: sellers who leave, customers who leave with a deal open, the discount that some
deals are given in the last two weeks of a quarter, and that a deal which is later taken up again
is on record with the readiness that it has then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.errors import UsageError
from lifecycle.world.continuation import draw_shocks
from lifecycle.world.deals_ahead import Coming, chances_to_win, unramped
from lifecycle.world.deals_calendar import SellingCalendar
from lifecycle.world.deals_edits import MONTHS_PER_YEAR
from lifecycle.world.deals_record import WON
from lifecycle.world.deals_to_come import Newcomers
from lifecycle.world.macro import MONTH_WEEKS, shock_level
from lifecycle.world.selling_record import SellingRecord
from lifecycle.world.trace import Trace

Floats = npt.NDArray[Any]

PATHS = 96
"""Paths of the economy, in pairs that mirror each other."""

TOSSES = 4
"""Draws that share one path."""

CHUNK = 512
"""Deals continued at a time: with their paths they stay in the processor's cache."""


@dataclass(frozen=True)
class BookingsTruth:
    """A quarter's new-ARR bookings as seen from the start of a week, latents known.

    Attributes
    ----------
    week
        Week of the world; the origin is its first day.
    closed_minor
        Won in the quarter before that day, minor units.
    mean_minor
        Expectation of the whole quarter, minor units.
    draws_minor
        Draws of the whole quarter, shape (draws,), minor units.
    """

    week: int
    closed_minor: float
    mean_minor: float
    draws_minor: npt.NDArray[np.float64]


def bookings_truth(trace: Trace, week: int, *, seed: int = 0) -> BookingsTruth:
    """Return what the quarter's bookings can become, given all that is true at a week's start.

    Parameters
    ----------
    trace
        The world.
    week
        0 to ``params.weeks - 1``; the quarter is the one in which its first day lies.
    seed
        Root of the continuations, apart from the world's own.

    Raises
    ------
    UsageError
        The world has no pipeline, or no such week.
    """
    record = trace.pipeline
    if not isinstance(record, SellingRecord) or not 0 <= week < trace.params.weeks:
        raise UsageError(f"week {week} of a world", "a week of one with deals", "choose another")
    calendar, rng = record.calendar, np.random.default_rng([seed, week])
    weeks = int(np.sum(calendar.quarter[week:] == calendar.quarter[week]))
    economy = _economy(trace, week, weeks=weeks, seed=seed)
    closed = won_between(record, quarter_bounds(calendar, week)[0], 7 * week)
    mean, draws = closed, np.full((TOSSES, PATHS), closed)
    coming = Newcomers(trace, record, week=week, volume=economy[:, :, 2], rng=rng)
    for deals, count in _everything(record, week, coming):
        for part in _parts(deals):
            some = deals.take(part)
            chance = chances_to_win(record, some, week=week, win=economy[:, :, 0], rng=rng)
            expected = chance if count is None else chance * count[part]
            mean += float((some.amount_minor @ expected).sum() / PATHS)
            draws += _toss(some.amount_minor, expected, rare=count is not None, rng=rng)
    return BookingsTruth(week, closed, mean, draws.ravel())


def won_between(record: SellingRecord, first_day: int, last_day: int) -> float:
    """Return the annual value of deals won in days ``[first_day, last_day)``, minor units.

    Parameters
    ----------
    record
        What the pipeline did.
    first_day, last_day
        Days since the start of the world.
    """
    deals = record.deals
    won = (deals["state"] == WON) & (deals["closed"] >= first_day) & (deals["closed"] < last_day)
    return float(deals["amount"][won].sum())


def quarter_bounds(calendar: SellingCalendar, week: int) -> tuple[int, int]:
    """Return first day and first day after of a week's quarter, in days since the start.

    Parameters
    ----------
    calendar
        The selling year.
    week
        Its quarter is the one in which its first day lies.
    """
    before = calendar.quarter_end[calendar.quarter < calendar.quarter[week]]
    # nothing was won before the clock started
    return int(before.max(initial=0)), int(calendar.quarter_end[week])


# inside


def _economy(trace: Trace, week: int, *, weeks: int, seed: int) -> Floats:
    """Return shocks from a week on, shape (paths, weeks, 4): each path and its mirror image."""
    half = draw_shocks(trace, 7 * week, weeks=weeks, draws=PATHS // 2, seed=seed)
    memory = trace.params.shocks.monthly_memory ** (np.arange(weeks) / MONTH_WEEKS)
    level = shock_level(trace.params, week)
    centre = level + memory[:, None] * (half[0, 0] - level)
    return np.concatenate([half, 2 * centre - half])


def _open_deals(record: SellingRecord, week: int) -> Coming:
    """Return the deals open at the start of a week that were not lost in silence."""
    rows = {name: column[record.weeks["week"] == week] for name, column in record.weeks.items()}
    rows = {name: column[rows["alive"]] for name, column in rows.items()}
    deal, columns = rows["deal"], record.deals
    owner = record.people["hired_week"][columns["owner"][deal]]
    price = columns["list_minor"][deal] * (1.0 - columns["final_discount"][deal])
    return Coming(
        start=np.zeros(len(deal), np.int64),
        stage=rows["stage"].astype(np.int64),
        quality=rows["quality"] - rows["momentum"] - unramped(owner, week),
        momentum=rows["momentum"],
        hired=owner,
        ready=columns["ready"][deal].astype(np.float64),
        kind=columns["kind"][deal],
        segment=columns["segment"][deal],
        born=columns["week"][deal],
        at_once=np.zeros(len(deal)),
        amount_minor=price * MONTHS_PER_YEAR,
    )


def _everything(
    record: SellingRecord, week: int, coming: Newcomers
) -> Iterator[tuple[Coming, Floats | None]]:
    """Yield deals that are there, without a count, and those that may come, with theirs."""
    yield Coming.join([_open_deals(record, week), coming.under_way()]), None
    kinds = list(coming.to_come())
    if kinds:
        yield Coming.join([deals for deals, _ in kinds]), np.concatenate([n for _, n in kinds])


def _parts(deals: Coming) -> Iterator[npt.NDArray[np.int64]]:
    """Yield rows of deals that begin at about the same time: no week is stepped in vain."""
    order = np.argsort(deals.start, kind="stable")
    for first in range(0, len(order), CHUNK):
        yield order[first : first + CHUNK]


def _toss(amount: Floats, expected: Floats, *, rare: bool, rng: np.random.Generator) -> Floats:
    """Return what is won in each draw, shape (tosses, paths)."""
    size = (TOSSES, *expected.shape)
    won = rng.poisson(expected, size) if rare else rng.random(size, np.float32) < expected
    return np.asarray(np.einsum("n,tnp->tp", amount, won))
