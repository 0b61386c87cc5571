"""What one score ranks better than another on the same rows, with its standard error.

Two areas under the curve measured on the same rows move together: the error of their difference is
far smaller than either one's own. Beside ``models/accuracy.py``, whose measures know no error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from lifecycle.errors import DataError
from models.base import FloatArray


def auc_gain(happened: ArrayLike, score: ArrayLike, *, rival: ArrayLike) -> tuple[float, float]:
    """Return AUC of ``score`` less that of ``rival``, and the standard error of that difference.

    Source: DeLong, DeLong and Clarke-Pearson 1988, by ranks (Sun and Xu 2014). The error is that of
    the rows judged; it knows nothing of how either score was fitted.

    Parameters
    ----------
    happened
        Shape (n,), 1 for a case and 0 for another; two or more of each.
    score, rival
        Shape (n,), finite, on any scale: only their order counts.

    Raises
    ------
    DataError
        Lengths differ, values are not finite, outcomes are not 0 or 1, or fewer than two of a kind.

    Examples
    --------
    >>> gain, error = auc_gain([0, 0, 1, 1], [1, 2, 3, 4], rival=[1, 3, 2, 4])
    >>> round(gain, 3), round(error, 3)
    (0.25, 0.354)
    """
    y, one, other = (np.asarray(x, dtype=np.float64) for x in (happened, score, rival))
    if not y.ndim == 1 or not y.shape == one.shape == other.shape:
        raise DataError(f"shapes {y.shape}, {one.shape}, {other.shape}", "one length n")
    if not (np.isfinite(one).all() and np.isfinite(other).all() and np.isin(y, (0.0, 1.0)).all()):
        raise DataError("values not finite, or outcomes other than 0 and 1", "finite, 0 or 1")
    case = y == 1.0
    if min(case.sum(), (~case).sum()) < 2:
        raise DataError(f"{int(case.sum())} cases of {len(y)}", "two of each kind or more")
    cases, others = (a - b for a, b in zip(_places(case, one), _places(case, other), strict=True))
    variance = cases.var(ddof=1) / len(cases) + others.var(ddof=1) / len(others)
    return float(cases.mean()), float(np.sqrt(variance))


def _places(case: np.ndarray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return each case's share of others below it, and each other's share of cases above it."""
    ranks = rankdata(score)
    below = (ranks[case] - rankdata(score[case])) / (~case).sum()
    above = 1.0 - (ranks[~case] - rankdata(score[~case])) / case.sum()
    return below, above
