"""How much a series moves: what errors are measured in, so that they can be pooled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def naive_error(y: FloatArray, season: int) -> float:
    """Return the mean absolute change over a season (over a step where none is known whole).

    The scale of MASE (Hyndman and Koehler 2006); unit of the series, 0 for a constant one.

    >>> naive_error(np.array([1.0, 5.0, 2.0, 6.0]), 2)
    1.0
    """
    lag = season if len(y) > season else 1
    return float(np.abs(y[lag:] - y[:-lag]).mean()) if len(y) > lag else 0.0
