"""The quarter drawn: who leaves and when, what renewals change, what comes on top.

Draws are ordered by the shock on leaving in 64 strata, so that a line's chances are a table of 64
numbers. Lines of one account share their luck: they leave together. The same seed gives the same
luck whatever is changed, so what a lever brings is the difference of two runs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.forecast.recurring.course import STRATA, Course
from models.forecast.recurring.draws import RecurringDraws, Wins
from models.forecast.recurring.inputs import RecurringInputs
from models.forecast.whatif import Change

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
    run.add_wins(_draw_flow(inputs, draws, rng=more, change=change) if wins is None else wins)
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
) -> Wins:
    """Draw every past move a Poisson number of times, busier in some draws than in others.

    A change makes the moves larger, not more of them: what is expected is the same, and draw by
    draw the luck is too.
    """
    inside = np.flatnonzero(inputs.flow_day < inputs.end_day)
    weight = inputs.flow_weight[inside]
    busy = np.ones(draws)
    if inputs.volume_sd > 0:
        shape = 1.0 / inputs.volume_sd**2
        busy = rng.gamma(shape, 1.0 / shape, draws)
    rows, counts = [np.empty(0, np.int64)], np.zeros(draws, np.int64)
    # few quarters stand behind the flow: each stratum weighs them anew (Rubin 1981)
    for stratum in range(STRATA):
        some = np.flatnonzero(np.arange(draws) % STRATA == stratum)
        edges = np.cumsum(weight * rng.exponential(size=len(inside)))
        expected = float(edges[-1]) if len(edges) else 0.0
        counts[some] = rng.poisson(expected * busy[some])
        at = np.searchsorted(edges, rng.random(int(counts[some].sum())) * expected, side="right")
        rows.append(inside[np.minimum(at, len(inside) - 1)] if len(inside) else rows[0])
    row = np.concatenate(rows)
    order = np.argsort(np.arange(draws) % STRATA, kind="stable")
    draw = np.repeat(order, counts[order])
    factor = np.full(len(row), np.exp(change.shocks.get("volume", 0.0)))
    hired = inputs.start_day + 7 * change.creation_from_week
    factor[inputs.flow_day[row] >= hired] *= change.creation_factor
    mrr = inputs.flow_mrr[row]
    return Wins(
        draw, inputs.flow_day[row], np.where(mrr > 0, mrr * factor, mrr),
        inputs.flow_places[row], inputs.flow_is_new[row],
    )  # fmt: skip
