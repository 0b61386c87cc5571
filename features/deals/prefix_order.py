"""Running counts and last places inside cases that stand one after another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


def running_counts(here: BoolArray, first: IntArray) -> FloatArray:
    """Count the marked events of the same case up to and with each event.

    Parameters
    ----------
    here
        Shape (n,), which events are counted.
    first
        Shape (n,), where the case of each event begins.

    Examples
    --------
    >>> running_counts(np.array([True, True, False, True]), np.array([0, 0, 2, 2])).tolist()
    [1.0, 2.0, 0.0, 1.0]
    """
    total = np.cumsum(here)
    return np.asarray(total - total[first] + here[first], dtype=np.float64)


def last_places(here: BoolArray, first: IntArray) -> IntArray:
    """Return the place of the latest marked event of the same case; -1 where there is none yet.

    Examples
    --------
    >>> last_places(np.array([True, False, False, True]), np.array([0, 0, 2, 2])).tolist()
    [0, 0, -1, 3]
    """
    place = np.maximum.accumulate(np.where(here, np.arange(len(here)), -1))
    return np.where(place >= first, place, -1).astype(np.intp)
