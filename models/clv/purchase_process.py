"""What the buy-till-you-die models share: purchase counts, and their maximum likelihood.

Time may be in any one unit (days in the product, weeks in the published studies); it is the unit
of ``recency`` and ``age``, of the rate parameters, and of every horizon asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from lifecycle.errors import DataError, ModelError, NotEnoughHistoryError

FloatArray = NDArray[np.float64]
Horizon = float | FloatArray
Objective = Callable[[FloatArray], tuple[float, FloatArray]]

FEWEST_CUSTOMERS = 30
FEWEST_REPEATERS = 10
LOG_BOUND = 9.0
SHARPNESS = 1e-7


@dataclass(frozen=True)
class PurchaseCounts:
    """Purchase histories in three numbers a customer: all that these models know.

    Attributes
    ----------
    frequency
        Shape (n,). Number of days with a repeat purchase (days with a purchase, less one).
    recency
        Shape (n,). Time from first to last purchase; 0 without a repeat purchase.
    age
        Shape (n,). Time from first purchase to the day we stand on.
    weight
        Shape (n,). How many customers share the row.
    """

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    weight: FloatArray

    @property
    def size(self) -> float:
        """Number of customers, all rows together."""
        return float(self.weight.sum())

    def compress(self) -> PurchaseCounts:
        """Return one row per distinct history: the same likelihood from fewer rows."""
        rows = np.column_stack([self.frequency, self.recency, self.age])
        unique, place = np.unique(rows, axis=0, return_inverse=True)
        weight = np.bincount(place.ravel(), weights=self.weight).astype(np.float64)
        return PurchaseCounts(unique[:, 0], unique[:, 1], unique[:, 2], weight)

    def rescale(self, factor: float) -> PurchaseCounts:
        """Return the same histories with every time multiplied by ``factor``."""
        return PurchaseCounts(self.frequency, self.recency * factor, self.age * factor, self.weight)


def build_counts(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> PurchaseCounts:
    """Return checked purchase histories, one row per customer in the given order.

    Raises
    ------
    DataError
        The arrays differ in length, a value is negative or not finite, recency exceeds age, or a
        customer has a repeat purchase without recency (or recency without one).

    Examples
    --------
    >>> build_counts([0, 2], [0, 30.5], [38.9, 38.9]).size
    2.0
    """
    x, last, age_ = (np.asarray(v, dtype=np.float64) for v in (frequency, recency, age))
    if not x.ndim == last.ndim == age_.ndim == 1 or not len(x) == len(last) == len(age_):
        raise DataError(f"shapes {x.shape}, {last.shape}, {age_.shape}", "three vectors alike")
    bad = ~(np.isfinite(x) & np.isfinite(last) & np.isfinite(age_))
    bad |= (x < 0) | (last < 0) | (last > age_) | ((x > 0) != (last > 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{bad.sum()} impossible histories, e.g. frequency {x[row]}, recency {last[row]}, "
            f"age {age_[row]}",
            "0 <= recency <= age, and recency above 0 exactly with a repeat purchase",
            "count purchases by customer-day",
        )
    return PurchaseCounts(x, last, age_, np.ones(len(x)))


def check_enough(counts: PurchaseCounts) -> None:
    """Refuse a fit that could not be told from noise.

    Raises
    ------
    NotEnoughHistoryError
        Fewer than 30 customers, or fewer than 10 who bought again.
    """
    repeaters = float(counts.weight[counts.frequency > 0].sum())
    if counts.size < FEWEST_CUSTOMERS or repeaters < FEWEST_REPEATERS:
        raise NotEnoughHistoryError(
            f"{counts.size:.0f} customers, {repeaters:.0f} of them bought again",
            f"at least {FEWEST_CUSTOMERS} and {FEWEST_REPEATERS}",
            "use a longer history or a simple rule",
        )


def maximise(
    negative: Objective,
    starts: Sequence[Sequence[float]],
    *,
    limits: Sequence[tuple[float, float]] | None = None,
) -> tuple[FloatArray, float]:
    """Return the positive parameters that minimise ``negative``, and its least value.

    The search is L-BFGS-B on the logs of the parameters from every start; the best end is kept, so
    the result does not depend on luck.

    Parameters
    ----------
    negative
        Negative log likelihood and its gradient, both in the parameters themselves (not logs).
    starts
        Parameter vectors to start from.
    limits
        Least and greatest value of each parameter; without it e^-9 and e^9.

    Raises
    ------
    ModelError
        No start led to a finite value.
    """

    def in_logs(theta: FloatArray) -> tuple[float, FloatArray]:
        value, slope = negative(np.exp(theta))
        return value, slope * np.exp(theta)

    free = [(np.exp(-LOG_BOUND), np.exp(LOG_BOUND))] * len(starts[0])
    bounds = [(float(np.log(low)), float(np.log(high))) for low, high in limits or free]
    best, least = np.empty(0), np.inf
    for start in starts:
        theta = np.log(np.asarray(start, dtype=np.float64))
        found = minimize(
            in_logs,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": 1e-11, "gtol": SHARPNESS, "maxiter": 500},
        )
        if np.isfinite(found.fun) and found.fun < least:
            best, least = np.exp(found.x), float(found.fun)
    if not np.isfinite(least):
        raise ModelError("no start of the fit led to a finite likelihood", "finite histories")
    return best, least
