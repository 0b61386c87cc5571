"""What closed deals teach about the way through the stages, and about these weeks.

Both are learned anew for every landmark, from deals whose close was known before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.deals.context_columns import PATH_COLUMNS
from features.deals.days import Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.standing import Standing, by_landmark, standing_on
from features.deals.sweeps import Flags, find_sweeps

RECENT_DAYS, USUAL_DAYS = 56, 364
"""Eight weeks are held against the year in which they lie."""
PSEUDO_DEALS = 20.0
PRIOR = 1.0
"""Each step that some deal took counts once more for won and for lost (Laplace)."""


@dataclass(frozen=True)
class Steps:
    """Moves of deals from one open stage to the next, the first stage too, shape (e,) each.

    Attributes
    ----------
    deal, story
        Whose move.
    seen
        First day that knows it.
    cell
        From and to in one number.
    width
        Number of places that a step may lead to; ``cell`` lies below ``width * width``.
    """

    deal: Ints
    story: Ints
    seen: Ints
    cell: Ints
    width: int


def build_path_columns(facts: DealFacts, rows: Rows) -> dict[str, Floats]:
    """Build ``path_log_odds`` and ``win_share_8w``, each of shape (rows,).

    The path's log odds are the sum, over a deal's steps between stages, of the log of the step's
    probability among won deals over that among lost ones: a first-order Markov chain each, as in
    van der Aalst, "Process mining" (2016). NaN before a deal was won and one lost.

    Parameters
    ----------
    rows
        Deals on landmarks.
    """
    steps, sweeps = _steps_of(facts), find_sweeps(facts)
    found = {column.name: np.full(len(rows), np.nan) for column in PATH_COLUMNS}
    for day, places in by_landmark(rows):
        standing = standing_on(facts, day, sweeps)
        found["path_log_odds"][places] = _path_log_odds(steps, standing)[rows.deal[places]]
        found["win_share_8w"][places] = _recent_against_usual(standing)
    return found


def _steps_of(facts: DealFacts) -> Steps:
    edits = facts.fields["stage"]
    stages = len(facts.stages.names)
    is_end = facts.stages.is_won | facts.stages.is_lost
    start = np.where(edits.is_first, stages, edits.before)
    inside = ~is_end[edits.value.astype(np.int64)]
    cell = start * (stages + 1) + edits.value
    return Steps(
        facts.story_deal[edits.story[inside]], edits.story[inside], edits.seen[inside],
        cell[inside].astype(np.int64), stages + 1,
    )  # fmt: skip


def _path_log_odds(steps: Steps, standing: Standing) -> Floats:
    """Return the log odds of every deal's path on a landmark, shape (deals,)."""
    on_the_way = (steps.story == standing.rows.story[steps.deal]) & (
        steps.seen <= standing.before.day[steps.deal]
    )
    deal, cell = steps.deal[on_the_way], steps.cell[on_the_way]
    counts = [
        np.bincount(cell[which[deal]], minlength=steps.width**2).reshape(steps.width, steps.width)
        for which in (standing.is_won, standing.is_lost)
    ]
    if not all(count.any() for count in counts):
        return np.full(len(standing.closed_on), np.nan)
    taken = (counts[0] + counts[1]) > 0
    won, lost = (_log_share(count, taken) for count in counts)
    odds = (won - lost).ravel()
    total = np.bincount(deal, weights=odds[cell], minlength=len(standing.closed_on))
    return total.astype(np.float64)


def _log_share(counts: Ints, taken: Flags) -> Floats:
    """Return the log probability of each step from its stage; 0 for steps nobody took."""
    raised = np.where(taken, counts + PRIOR, 0)
    shares = raised / np.maximum(raised.sum(axis=1, keepdims=True), 1)
    return np.log(np.where(taken, shares, 1.0))


def _recent_against_usual(standing: Standing) -> float:
    """Return the win share of deals closed in the last weeks over that of the last year."""
    ages = standing.day - standing.closed_on
    won, lost = (
        [float(np.sum(which & (ages >= 1) & (ages <= days))) for days in (RECENT_DAYS, USUAL_DAYS)]
        for which in (standing.is_won, standing.is_lost)
    )
    if not won[1]:
        return np.nan
    usual = won[1] / (won[1] + lost[1])
    recent = (won[0] + PSEUDO_DEALS * usual) / (won[0] + lost[0] + PSEUDO_DEALS)
    return recent / usual
