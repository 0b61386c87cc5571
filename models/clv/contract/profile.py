"""Intervals of survival parameters by profile likelihood: right where a Laplace one is too short.

A parameter value stays in the interval while the best likelihood with it held fixed is within half
the chi-square quantile of the maximum (Wilks 1938). Near homogeneous customers a and b rise
together and the likelihood is far from a parabola, which this takes as it is.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.stats import chi2

from models.base import FloatArray
from models.clv.contract.spells import Spells
from models.clv.contract.survival import LIMITS, Survival, score_survival

STEPS = 12
HALVINGS = 9
EXACT = 1e-12


def profile_interval(
    curve: Survival, spells: Spells, *, share: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Return each fitted parameter's interval, by name.

    Parameters
    ----------
    curve
        The maximum likelihood fit.
    spells
        What it was fitted on.
    share
        Coverage aimed at. An end that the likelihood does not close is the limit of the search.
    """
    rows, drop = spells.compress(), float(chi2.ppf(share, 1)) / 2
    names = ("a", "b", "c")[: 2 + curve.free_pace]
    top = np.log([getattr(curve, name) for name in names])
    edges = np.log(np.array(LIMITS[: len(names)]))
    found = {}
    for place, name in enumerate(names):
        walk = _Walk(rows, top, edges, place)
        least = curve.log_likelihood - drop
        low, high = (walk.cross(least, side) for side in (-1.0, 1.0))
        found[name] = (float(np.exp(low)), float(np.exp(high)))
    return found


class _Walk:
    """The likelihood along one parameter (in logs), the others at their best."""

    def __init__(self, rows: Spells, top: FloatArray, edges: FloatArray, place: int) -> None:
        self._rows, self._top, self._edges, self._place = rows, top, edges, place
        self._others = np.arange(len(top)) != place
        self._start = top[self._others]

    def best(self, value: float) -> float:
        """Return the greatest log likelihood with the parameter held at ``value`` (a log)."""
        full = self._top.copy()
        full[self._place] = value

        def fall(rest: FloatArray) -> tuple[float, FloatArray]:
            full[self._others] = rest
            theta = np.exp(full)
            height, slope = score_survival(theta, self._rows)
            return -height, -(slope[: len(theta)] * theta)[self._others]

        bounds = self._edges[self._others]
        made = minimize(
            fall, self._start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": EXACT}
        )
        self._start = made.x
        return -float(made.fun)

    def cross(self, least: float, side: float) -> float:
        """Return where the likelihood falls to ``least`` on one side of the top."""
        at = float(self._top[self._place])
        stop = float(self._edges[self._place][int(side > 0)])
        self._start = self._top[self._others]
        step = 0.05
        near = at
        for _ in range(STEPS):
            far = near + side * step
            far = min(far, stop) if side > 0 else max(far, stop)
            if self.best(far) < least:
                return self._halve(least, near, far)
            if far == stop:
                return stop
            near, step = far, step * 1.6
        return near

    def _halve(self, least: float, inside: float, outside: float) -> float:
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            if self.best(middle) < least:
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2
