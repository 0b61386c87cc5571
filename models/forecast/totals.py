"""Automatic time-series models on totals of whole periods, whatever is totalled.

Periods are quarters or months; the series is as short as a company is young, so none of the models
looks for a season: what recurs within a period is told by how much of it is usually in by a week.
A total cannot be expected below 0, so no model's answer is.

Sources: statsforecast, as in ``models.forecast.order_series``, whose models these are.
"""

from __future__ import annotations

import numpy as np

from models.forecast.grid import FloatArray
from models.forecast.order_series import LEGS


class TotalsForecaster:
    """Extends series of totals; a series that was extended before is not fitted again.

    A backtest asks week after week for series that change only when a late fact comes in.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, bytes], FloatArray] = {}

    def extend(self, totals: FloatArray, *, steps: int) -> dict[str, FloatArray]:
        """Return what each model says of the next periods, shape (nodes, steps), by leg.

        Parameters
        ----------
        totals
            Whole periods, oldest first, shape (nodes, periods); any unit.
        steps
            How many periods ahead, at least 1.

        Returns
        -------
        Legs by name, in the unit of the totals; a leg that needs more periods is left out.
        """
        legs = [name for name, _, fewest in LEGS if totals.shape[1] >= fewest]
        return {
            name: np.stack([self._one(name, series, steps) for series in totals]) for name in legs
        }

    def _one(self, name: str, series: FloatArray, steps: int) -> FloatArray:
        key = (name, steps, np.ascontiguousarray(series, np.float64).tobytes())
        if key not in self._known:
            extrapolate = next(model for leg, model, _ in LEGS if leg == name)
            found = extrapolate(np.asarray(series, np.float64), steps)
            self._known[key] = np.maximum(found, 0.0)
        return self._known[key]
