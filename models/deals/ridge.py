"""The house's ridge logistic where rows count differently."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from models.base import FloatArray
from models.logistic import Logistic, Ridge, Scale

STEPS = 25
CLOSE = 1e-5
LONGEST_STEP = 5.0


def fit_weighted(
    matrix: FloatArray,
    label: FloatArray,
    *,
    weight: FloatArray,
    text: Mapping[int, int],
    ridge: Ridge,
) -> tuple[Logistic, float]:
    """Fit by Newton's method with weights; the level is not held at zero.

    Parameters
    ----------
    matrix, label, weight
        Shapes (n, f), (n,) of 0 and 1, and (n,).
    text
        Places of text columns and their number of codes.
    ridge
        From the number of columns of the design to the penalty of each.

    Returns
    -------
    tuple
        The model, and its level (log-odds of an average row).
    """
    scale = Scale.learn(matrix, text)
    design = np.hstack([scale.expand(matrix)[0], np.ones((len(label), 1))])
    penalty = np.full(design.shape[1], ridge(design.shape[1] - 1))
    penalty[-1] = 0.0
    found = solve_logistic(design, label, weight=weight, penalty=penalty)
    return Logistic(scale, found[:-1]), float(found[-1])


def solve_logistic(
    design: FloatArray,
    label: FloatArray,
    *,
    weight: FloatArray,
    penalty: FloatArray,
    prior: FloatArray | None = None,
) -> FloatArray:
    """Return penalised weights of shape (k,), by Newton's method from the prior on.

    Parameters
    ----------
    design, label, weight
        Shapes (n, k), (n,) of 0 and 1, and (n,).
    penalty, prior
        Shape (k,): how strongly each weight is held, and at what (None: zero).
    """
    held = np.zeros(design.shape[1]) if prior is None else prior
    found = held.copy()
    for _ in range(STEPS):
        chance = expit(design @ found)
        slope = design.T @ (weight * (label - chance)) - penalty * (found - held)
        bend = (design * (weight * chance * (1.0 - chance))[:, None]).T @ design
        bend[np.diag_indices_from(bend)] += penalty + 1e-9
        step = np.linalg.solve(bend, slope)
        # far from the solution a full step can overshoot
        step *= min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        found = found + step
        if float(np.abs(step).max()) < CLOSE:
            break
    return found
