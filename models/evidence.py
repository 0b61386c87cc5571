"""Whether a signal says anything about an outcome: a score test that counts accounts, not rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.base import FloatArray


def score_evidence(
    happened: FloatArray,
    expected: FloatArray,
    signal: FloatArray,
    *,
    day: ArrayLike,
    unit: ArrayLike,
) -> float:
    """Return how many standard errors a signal stands from saying nothing.

    Rao's score test of adding the signal to the log-odds of what is expected already. The signal is
    centred within each day, so that a level that is off is no evidence; an account's rows of many
    days are one observation (clustered variance), because neighbouring windows repeat its outcome.

    Parameters
    ----------
    happened
        Shape (n,), 0 or 1.
    expected
        Shape (n,), probabilities that do without the signal, inside (0, 1).
    signal
        Shape (n,), finite.
    day, unit
        Shape (n,): the past day and the account (or line) of each row.

    Returns
    -------
    float
        Positive when the signal is higher where it happened more than expected; 0 when the signal
        is the same for all.

    Examples
    --------
    >>> happened = np.array([1.0, 0.0] * 50)
    >>> half, where = np.full(100, 0.5), np.arange(100)
    >>> round(score_evidence(happened, half, happened, day=np.zeros(100), unit=where), 1)
    10.0
    """
    _, of_day = np.unique(np.asarray(day), return_inverse=True)
    _, of_unit = np.unique(np.asarray(unit), return_inverse=True)
    weight = expected * (1.0 - expected)
    middle = _sum(weight * signal, of_day) / np.maximum(_sum(weight, of_day), 1e-12)
    scores = _sum((happened - expected) * (signal - middle[of_day]), of_unit)
    spread = float(np.sqrt(scores @ scores))
    return float(scores.sum() / spread) if spread > 0 else 0.0


def _sum(values: FloatArray, place: NDArray[np.intp]) -> FloatArray:
    return np.bincount(place, weights=values).astype(np.float64)
