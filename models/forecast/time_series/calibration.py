"""How wide: quantiles of what was missed at past origins, pooled over the panel, step by step.

An error is measured in its series' own scale at its own step: the geometric mean of what the models
say of their spread and of how far a seasonal naive rule misses. Quantiles of such errors carry over
from series to series (split conformal prediction: Vovk et al. 2005, with its n + 1 correction).
Their median is taken off: one shock to all series of a past origin is one observation, and would
come back as a bias. Few past paths are no distribution: they are averaged, quantile by quantile,
with the models' own normal range, widened as models of one series are too sure of themselves. An
average of increasing functions increases, so quantiles of any level never cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PRIOR_PATHS = 100.0
"""How many past paths the models' own range is worth."""
WIDENED = 1.1
"""How much wider than the models say errors are, chosen on train parts of public series."""
NEIGHBOURS = 1
"""Steps on either side whose errors also count for a step."""


def error_scale(width: FloatArray, naive: FloatArray) -> FloatArray:
    """Return shape (series, horizon): the size errors are measured in, unit of the series.

    Parameters
    ----------
    width
        Shape (series, horizon): the standard deviation that the models tell.
    naive
        Shape (series,): what a seasonal naive rule misses.
    """
    return np.asarray(np.sqrt(width * naive[:, None]))


def unit_quantiles(errors: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Return shape (shares, horizon): quantiles of past errors about their median, 0 without any.

    Parameters
    ----------
    errors
        Shape (paths, horizon): actual less forecast, over `error_scale`.
    shares
        In (0, 1), increasing.
    """
    found = np.zeros((len(shares), errors.shape[1]))
    for step in range(errors.shape[1] if len(errors) else 0):
        near = errors[:, max(step - NEIGHBOURS, 0) : step + NEIGHBOURS + 1].ravel()
        found[:, step] = np.quantile(near, shares, method="weibull") - np.median(near)
    return found


def deviations(
    errors: FloatArray, shares: Sequence[float], *, width: FloatArray, naive: FloatArray
) -> FloatArray:
    """Return shape (shares, series, horizon): quantiles about the path, unit of the series.

    Parameters
    ----------
    errors
        As in `unit_quantiles`.
    shares
        In (0, 1), increasing.
    width, naive
        As in `error_scale`.
    """
    normal = np.array([NormalDist().inv_cdf(share) for share in shares])
    told = WIDENED * normal[:, None, None] * width[None]
    measured = unit_quantiles(errors, shares)[:, None, :] * error_scale(width, naive)[None]
    trust = len(errors) / (len(errors) + PRIOR_PATHS)
    return np.asarray(trust * measured + (1.0 - trust) * told)
