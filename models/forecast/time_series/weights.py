"""How much each member counts: weights that served the panel's past, kept near equal.

One set of weights for the whole panel: a series alone has too few errors to choose by, and weights
chosen on them lose to equal ones (Smith and Wallis 2009).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ROUNDS = 300
STEP = 0.3
PRIOR_PATHS = 1000.0
"""How many paths of evidence equal weights are worth."""


def combine(paths: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean over members, without those that are absent.

    Parameters
    ----------
    paths
        Shape (members, series, horizon); NaN where a member is absent, never for all members.
    weights
        Shape (members,), positive.
    """
    there = np.isfinite(paths)
    weight = weights[:, None, None] * there
    total = np.where(there, paths, 0.0) * weight
    return np.asarray(total.sum(axis=0) / weight.sum(axis=0))


def learn_weights(paths: FloatArray, actual: FloatArray, scale: FloatArray) -> FloatArray:
    """Return weights that sum to 1: least scaled absolute error on past paths, shrunk to equal.

    Exponentiated gradient (Kivinen and Warmuth 1997) keeps them positive without a solver.

    Parameters
    ----------
    paths
        Shape (members, paths, horizon): what each member said; NaN where it is absent.
    actual
        Shape (paths, horizon): what came, unit of its series.
    scale
        Shape (paths,): size of each series' errors, positive.
    """
    members, count = paths.shape[:2]
    equal = np.full(members, 1.0 / members)
    if not count:
        return equal
    there = np.isfinite(paths)
    mean = combine(paths, equal)
    scaled = (np.where(there, paths, mean) - actual) / scale[:, None]
    weights, total = equal, np.zeros(members)
    for _ in range(ROUNDS):
        slope = (np.sign(np.tensordot(weights, scaled, 1)) * scaled).mean(axis=(1, 2))
        weights = weights * np.exp(-STEP * (slope - slope.min()))
        weights /= weights.sum()
        total += weights
    found = total / ROUNDS
    return np.asarray((count * found + PRIOR_PATHS * equal) / (count + PRIOR_PATHS))
