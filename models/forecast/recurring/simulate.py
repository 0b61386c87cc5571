"""The quarter drawn: who leaves and when, what renewals change, what comes on top.

Draws are ordered by the shock on leaving in 64 strata, so that a line's chances are a table of 64
numbers. Lines of one account share their luck: they leave together. The same seed gives the same
luck whatever is changed, so what a lever brings is the difference of two runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from features.deals.days import Floats
from models.forecast.recurring.course import STRATA, Course
from models.forecast.recurring.draws import RecurringDraws, Wins
from models.forecast.recurring.inputs import RecurringInputs
from models.forecast.whatif import Change

SLOTS = 65_536
CHUNK = 2_000_000
"""Lines times draws that are drawn together: a few dozen MB."""


def simulate_recurring(
    inputs: RecurringInputs,
    *,
    draws: int = 10_000,
    seed: int,
    change: Change | None = None,
    wins: Wins | None = None,
) -> RecurringDraws:
    """Draw the quarter.

    Parameters
    ----------
    inputs
        Of an origin and a quarter.
    draws
        How many.
    seed
        The same seed gives the same luck whatever is changed.
    change
        A lever: accounts saved or leaving, contraction, the shock of churn or volume, hiring;
        what it says of deals does not matter here.
    wins
        Simulated deal wins that take the place of the flow drawn from past quarters; win i of
        draw d counts in draw d.
    """
    change = change or Change()
    run = Course(inputs, draws, change)
    luck = np.random.default_rng([seed, 1])
    for rows in _chunks(inputs, draws):
        run.add_lines(rows, luck)
    more = np.random.default_rng([seed, 2])
    flow = _draw_flow(inputs, draws, rng=more, change=change)
    run.add_wins(flow if wins is None else [(slice(None), wins)])
    return run.close()


def _chunks(inputs: RecurringInputs, draws: int) -> Iterator[slice]:
    """Split lines without parting an account's."""
    size, count = max(CHUNK // draws, 1), len(inputs.level)
    first = 0
    while first < count:
        last = min(first + size, count)
        while last < count and inputs.account_id[last] == inputs.account_id[last - 1]:
            last += 1
        yield slice(first, last)
        first = last


def _draw_flow(
    inputs: RecurringInputs, draws: int, *, rng: np.random.Generator, change: Change
) -> Iterator[tuple[slice, Wins]]:
    """Draw every past move a Poisson number of times, busier in some draws than in others.

    A change makes the moves larger, not more of them: what is expected is the same, and draw by
    draw the luck is too. Every 64th draw shares one weighing of the past: few quarters stand
    behind the flow, and each weighing (Rubin 1981) is one way they could have been.
    """
    inside = np.flatnonzero(inputs.flow_day < inputs.end_day)
    if not len(inside):
        return
    busy = np.ones(draws)
    if inputs.volume_sd > 0:
        shape = 1.0 / inputs.volume_sd**2
        busy = rng.gamma(shape, 1.0 / shape, draws)
    mrr = _changed(inputs, change)
    for first in range(min(STRATA, draws)):
        every = slice(first, None, STRATA)
        edges = np.cumsum(inputs.flow_weight[inside] * rng.exponential(size=len(inside)))
        counts = rng.poisson(edges[-1] * busy[every])
        # a table of equal chances finds a move faster than a search for each
        table = np.searchsorted(edges, (np.arange(SLOTS) + 0.5) / SLOTS * edges[-1])
        row = inside[table[rng.integers(0, SLOTS, int(counts.sum()))]]
        draw = np.repeat(np.arange(len(counts)), counts)
        yield every, Wins(
            draw, inputs.flow_day[row], mrr[row], inputs.flow_places[row], inputs.flow_is_new[row]
        )  # fmt: skip


def _changed(inputs: RecurringInputs, change: Change) -> Floats:
    """Return the moves' MRR under a change: what comes on top, never what drops."""
    factor = np.full(len(inputs.flow_mrr), np.exp(change.shocks.get("volume", 0.0)))
    hired = inputs.start_day + 7 * change.creation_from_week
    factor[inputs.flow_day >= hired] *= change.creation_factor
    return np.where(inputs.flow_mrr > 0, inputs.flow_mrr * factor, inputs.flow_mrr)
