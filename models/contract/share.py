"""How much say trees have beside the logistic, by how many decisions to leave there were."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from models import accuracy
from models.base import Examples, FloatArray
from models.contract.events import choose_ridge, count_events
from models.contract.inputs import Inputs
from models.logistic import Logistic
from models.trees import Growth, Trees

FEWEST_EVENTS = {"logistic": 30.0, "blend": 30.0, "trees": 150.0}
"""Below it a kind is not fitted, and tables alone stand."""
SOME_EVENTS, MANY_EVENTS = 150.0, 500.0
FEW_SHARE, EVEN_SHARE = 0.3, 0.5
SHARES = (0.0, 0.3, 0.5, 0.7, 1.0)
JUDGED_DAYS = 4
MOST_ROWS = 40_000


def choose_share(
    kind: str,
    events: float,
    examples: Examples,
    *,
    inputs: Inputs,
    learned: tuple[FloatArray, Growth],
) -> float:
    """Choose the share of trees in the mean of log-odds, from 0 to 1.

    Parameters
    ----------
    kind
        ``logistic`` and ``trees`` stand alone; ``blend`` goes by events: none below 150, 0.3 below
        500, and above it the share that would have done best on the latest past days.
    events
        Decisions to leave in the examples.
    examples, inputs
        What is learned from, and how it is read.
    learned
        The examples' matrix, and how trees are grown.
    """
    if kind != "blend":
        return 1.0 if kind == "trees" else 0.0
    if events < MANY_EVENTS:
        return FEW_SHARE if events >= SOME_EVENTS else 0.0
    return _judge_shares(examples, inputs, learned)


def _judge_shares(examples: Examples, inputs: Inputs, learned: tuple[FloatArray, Growth]) -> float:
    """Fit both members on days whose windows closed before the latest days; compare on those."""
    matrix, growth = learned
    days = np.unique(examples.as_of)
    judged = days[-JUDGED_DAYS:]
    closed = days[days + np.timedelta64(examples.horizon_days, "D") <= judged[0]]
    rows_per_day = len(examples.label) / len(days)
    # neighbouring days say nearly the same, so every second or third will do
    step = max(1, int(np.ceil(len(closed) * rows_per_day / MOST_ROWS)))
    past, later = np.isin(examples.as_of, closed[::-step]), np.isin(examples.as_of, judged)
    label = examples.label
    if label[past].sum() < SOME_EVENTS or not 0 < label[later].sum() < later.sum():
        return EVEN_SHARE
    chosen, place = np.unique(examples.as_of[past], return_inverse=True)
    near = inputs.add_near(matrix)
    linear, levels = Logistic.fit(
        near[past],
        label[past],
        place=place.astype(np.float64),
        text=inputs.text_sizes,
        ridge=choose_ridge(label[past].sum(), count_events(examples.take(past))),
    )
    trees = Trees.grow(matrix[past], label[past], growth=growth, offset=levels[place])
    left, right = linear.raw(near[later]), trees.raw(matrix[later])
    level = float(levels[-min(JUDGED_DAYS, len(chosen)) :].mean())
    losses = [
        accuracy.log_loss(label[later], expit(level + (1.0 - s) * left + s * right)) for s in SHARES
    ]
    return SHARES[int(np.argmin(losses))]
