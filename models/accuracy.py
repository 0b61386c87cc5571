"""How right a prediction was: one formula a function, plain numpy, no state.

Shapes: ``actual`` and what is compared with it are one-dimensional, of one length n >= 1, finite.
Units: errors carry the unit of ``actual``; shares, ranks and probabilities carry none.
Letters: y actual, f forecast, p probability, s score.

Every function raises ``DataError`` when an input is empty, not finite, of another length, or when
the measure has no value on it (only one class, a constant or a zero total); a score that orders
nothing is not an error: it earns what chance earns.

Sources: Gneiting and Raftery 2007 (interval score, CRPS), Hyndman and Koehler 2006 (MASE),
Cox 1958 (calibration slope), Frees, Meyers and Cummings 2011 (Gini).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifecycle.errors import DataError

FloatArray = NDArray[np.float64]

SMALLEST_PROBABILITY = 1e-15


def mae(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean absolute error: mean |y - f|.

    >>> mae([1, 3], [2, 5])
    1.5
    """
    y, f = _pair(actual, predicted)
    return float(np.abs(y - f).mean())


def rmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Root mean squared error: sqrt(mean (y - f)^2).

    >>> rmse([0, 0], [3, 3])
    3.0
    """
    y, f = _pair(actual, predicted)
    return float(np.sqrt(np.square(y - f).mean()))


def r2(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Share of variance explained: 1 - sum (y - f)^2 / sum (y - mean y)^2.

    >>> r2([0, 2], [1, 1])
    0.0
    """
    y, f = _pair(actual, predicted)
    return float(1.0 - np.square(y - f).mean() / _positive(y.var(), "variance of the actual"))


def spearman(actual: ArrayLike, score: ArrayLike) -> float:
    """Rank correlation: Pearson's correlation of the mean ranks of y and s; 0 if s is constant.

    >>> spearman([1, 2, 3], [10, 100, 1000])
    1.0
    """
    y, s = (_centred_ranks(x) for x in _pair(actual, score))
    spread = _positive(float(y @ y), "variance of the actual ranks")
    return float(y @ s / np.sqrt(spread * (s @ s))) if s.any() else 0.0


def gini_normalised(actual: ArrayLike, score: ArrayLike) -> float:
    """How much of the value the order finds: cov(y, rank s) / cov(y, rank y); ties share a rank.

    >>> gini_normalised([0, 0, 5], [1, 2, 3])
    1.0
    """
    y, s = _pair(actual, score)
    best = _positive(float(y @ _centred_ranks(y)), "variance of the actual values")
    return float(y @ _centred_ranks(s) / best)


def wape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Weighted absolute percentage error: sum |y - f| / sum |y|.

    >>> wape([1, 3], [2, 3])
    0.25
    """
    y, f = _pair(actual, predicted)
    return float(np.abs(y - f).sum() / _positive(np.abs(y).sum(), "sum of the actual sizes"))


def bias_share(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Error of the total: sum (f - y) / |sum y|; above 0 is over-forecasting.

    >>> bias_share([1, 3], [2, 4])
    0.5
    """
    y, f = _pair(actual, predicted)
    return float((f - y).sum() / _positive(abs(float(y.sum())), "total of the actual values"))


def auc(happened: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: P(s of a case > s of a non-case) + half of P(equal).

    >>> auc([0, 1, 1], [0.1, 0.1, 0.9])
    0.75
    """
    y, s = _outcome_pair(happened, score)
    cases = float(y.sum())
    others = _positive(len(y) - cases, "number of non-cases")
    ranks = _centred_ranks(s) + (len(y) + 1) / 2
    return float((ranks @ y - cases * (cases + 1) / 2) / (cases * others))


def average_precision(happened: ArrayLike, score: ArrayLike) -> float:
    """Average precision: sum over thresholds of precision x gain in recall.

    >>> average_precision([1, 0], [0.9, 0.1])
    1.0
    """
    y, s = _outcome_pair(happened, score)
    order = np.argsort(-s, kind="stable")
    last = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)
    found = np.cumsum(y[order])[last]
    return float((found / (last + 1) * np.diff(found, prepend=0.0)).sum() / y.sum())


def log_loss(happened: ArrayLike, probability: ArrayLike) -> float:
    """Mean negative log likelihood: -mean(y log p + (1 - y) log(1 - p)), p kept off 0 and 1.

    >>> round(log_loss([1, 0], [0.5, 0.5]), 6)
    0.693147
    """
    y, p = _probability_pair(happened, probability)
    return float(-(y * np.log(p) + (1.0 - y) * np.log1p(-p)).mean())


def brier(happened: ArrayLike, probability: ArrayLike) -> float:
    """Brier score: mean (y - p)^2.

    >>> brier([1, 0], [0.5, 0.5])
    0.25
    """
    y, p = _probability_pair(happened, probability)
    return float(np.square(y - p).mean())


def calibration_slope(happened: ArrayLike, probability: ArrayLike) -> float:
    """Slope b of logit P(y) = a + b logit p; 1 is calibrated, below 1 is over-confident.

    The fit is Newton's, kept finite by a prior of one part in 10^9 on b.

    >>> round(calibration_slope([1, 0, 0, 0, 0, 1, 1, 1], [.25] * 4 + [.75] * 4), 6)
    1.0
    """
    y, p = _probability_pair(happened, probability)
    _positive(float(np.ptp(p)), "spread of the probabilities")
    return float(_logistic_fit(np.column_stack([np.ones_like(p), np.log(p / (1 - p))]), y)[1])


def lift_at(happened: ArrayLike, score: ArrayLike, *, share: float = 0.1) -> float:
    """Rate of cases among the top ``share`` by s, over the rate among all; ties are averaged.

    >>> lift_at([1, 0, 0, 0], [4, 3, 2, 1], share=0.25)
    4.0
    """
    y, s = _outcome_pair(happened, score)
    _check_inside(share, "share")
    top = max(1, round(share * len(y)))
    edge = np.sort(s)[-top]
    cases = y[s > edge].sum() + y[s == edge].mean() * (top - (s > edge).sum())
    return float(cases / top / y.mean())


def pinball(actual: ArrayLike, predicted: ArrayLike, *, quantile: float) -> float:
    """Pinball loss of a forecast quantile q: mean max(q (y - f), (q - 1)(y - f)).

    >>> pinball([10], [8], quantile=0.9)
    1.8
    """
    y, f = _pair(actual, predicted)
    _check_inside(quantile, "quantile")
    return float(np.maximum(quantile * (y - f), (quantile - 1.0) * (y - f)).mean())


def interval_score(actual: ArrayLike, low: ArrayLike, high: ArrayLike, *, level: float) -> float:
    """Interval score: mean (u - l) + 2/a (l - y)+ + 2/a (y - u)+, with a = 1 - level.

    >>> round(interval_score([5], [6], [8], level=0.8), 6)
    12.0
    """
    y, below, above = _interval(actual, low, high)
    _check_inside(level, "level")
    missed = np.maximum(below - y, 0.0) + np.maximum(y - above, 0.0)
    return float((above - below + 2.0 / (1.0 - level) * missed).mean())


def coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of y inside its interval: mean 1[l <= y <= u].

    >>> coverage([1, 9], [0, 0], [5, 5])
    0.5
    """
    y, below, above = _interval(actual, low, high)
    return float(((below <= y) & (y <= above)).mean())


def mase(actual: ArrayLike, predicted: ArrayLike, *, history: ArrayLike, season: int) -> float:
    """Scaled error: mean |y - f| / mean |h_t - h_(t - season)| over the history h before y.

    >>> mase([5], [3], history=[1, 2, 3], season=1)
    2.0
    """
    past = _vector(history)
    _require(1 <= season < len(past), f"season {season} of {len(past)}", "1 <= season < length")
    scale = _positive(np.abs(past[season:] - past[:-season]).mean(), "seasonal change")
    return mae(actual, predicted) / scale


def crps_ensemble(actual: ArrayLike, draws: ArrayLike) -> float:
    """Mean CRPS of m draws a row, ``draws`` (n, m): mean_j |x_j - y| - mean_jk |x_j - x_k| / 2.

    >>> crps_ensemble([0.0], [[-1.0, 1.0]])
    0.5
    """
    y, x = _vector(actual), np.sort(np.asarray(draws, dtype=np.float64), axis=-1)
    fits = x.ndim == 2 and x.shape[0] == len(y) and x.shape[1] >= 1 and bool(np.isfinite(x).all())
    _require(fits, f"draws of shape {x.shape}", f"finite draws of shape ({len(y)}, m)")
    m = x.shape[1]
    weight = 2.0 * np.arange(1, m + 1) - m - 1
    return float((np.abs(x - y[:, None]).mean(axis=1) - x @ weight / m**2).mean())


def _require(holds: bool, found: str, expected: str) -> None:
    if not holds:
        raise DataError(found, expected)


def _vector(values: ArrayLike) -> FloatArray:
    x = np.asarray(values, dtype=np.float64)
    some = x.ndim == 1 and len(x) > 0
    _require(some, f"an array of shape {x.shape}", "one dimension and at least one value")
    gone = int((~np.isfinite(x)).sum())
    _require(gone == 0, f"{gone} of {len(x)} values not finite", "finite numbers")
    return x


def _pair(actual: ArrayLike, other: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, f = _vector(actual), _vector(other)
    _require(len(y) == len(f), f"{len(y)} actual values and {len(f)} others", "one length")
    return y, f


def _outcome_pair(happened: ArrayLike, score: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, s = _pair(happened, score)
    _require(bool(np.isin(y, (0.0, 1.0)).all()), "outcomes other than 0 and 1", "0 or 1")
    _positive(float(y.sum()), "number of cases")
    return y, s


def _probability_pair(happened: ArrayLike, probability: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, p = _pair(happened, probability)
    if not np.isin(y, (0.0, 1.0)).all() or p.min() < 0.0 or p.max() > 1.0:
        raise DataError("outcomes or probabilities out of range", "outcomes 0 or 1, p in [0, 1]")
    return y, np.clip(p, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)


def _interval(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> tuple[FloatArray, ...]:
    y, below = _pair(actual, low)
    _, above = _pair(actual, high)
    _require(bool((below <= above).all()), "a low end above its high end", "low <= high")
    return y, below, above


def _positive(value: float, name: str) -> float:
    if not value > 0.0:
        raise DataError(f"{name} is {value:g}", "more than 0", "ask another measure of such data")
    return float(value)


def _check_inside(value: float, name: str) -> None:
    if not 0.0 < value < 1.0:
        raise DataError(f"a {name} of {value}", "a number between 0 and 1")


def _centred_ranks(x: FloatArray) -> FloatArray:
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    return np.asarray(mean_rank[place] - (len(x) + 1) / 2, dtype=np.float64)


def _logistic_fit(x: FloatArray, y: FloatArray) -> FloatArray:
    beta = np.zeros(x.shape[1])
    prior = 1e-9 * len(y)
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ beta, -35.0, 35.0)))
        curve = (x * (p * (1.0 - p))[:, None]).T @ x + prior * np.eye(len(beta))
        step = np.linalg.solve(curve, x.T @ (y - p) - prior * beta)
        beta = beta + step * min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-10:
            break
    return beta
