"""From survival, price and costs to money: sixty months, discounted in the middle of each.

    value = sum over months k of  d(k) x alive(k) x (MRR(k) x margin - cost to serve)

with d(k) = (1 + rate)^-((k - 1/2) / 12), alive(k) the mean of the chances to be paying at the
month's start and end, and MRR(k) as expected of an account that is. Leaving is decided before it
takes effect, and revenue runs until it does: the curve of decisions is shifted by the lag.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.base import FloatArray

HEADLINE_MONTHS = 60
HEADLINE_DAYS = 1825
DISCOUNT_SHARE = 0.10
GROUPS = ("contract", "survival", "tail", "expansion", "costs", "discount")
"""The steps of an explanation, in the order in which they are taken."""
FIRST_YEAR = 12


@dataclass(frozen=True)
class Plan:
    """All that the value of n contracts follows from.

    Attributes
    ----------
    hazard
        Shape (n, months). Minus the log of the chance to take no decision to leave in month k.
    lag
        Shape (n,). Months from the decision to the last paid day.
    mrr
        Shape (n,), minor units.
    level
        Shape (n, months). Expected MRR over today's, given alive.
    margin
        Shape (n,). Share of revenue that counts.
    cost
        Shape (n,). Minor units a month while alive.
    discount
        A year's discount (share).
    """

    hazard: FloatArray
    lag: FloatArray
    mrr: FloatArray
    level: FloatArray
    margin: FloatArray
    cost: FloatArray
    discount: float = DISCOUNT_SHARE

    @property
    def months(self) -> int:
        """Months ahead."""
        return int(self.hazard.shape[1])

    def weights(self) -> FloatArray:
        """Return the discount factor of each month, shape (months,)."""
        middle = np.arange(self.months) + 0.5
        return np.asarray((1.0 + self.discount) ** (-middle / 12.0))

    def alive(self) -> FloatArray:
        """Return the chance to be paying in each month, its mean over the month, (n, months)."""
        paying = np.exp(-shift_months(cumulate(self.hazard), self.lag))
        return np.asarray((paying[:, :-1] + paying[:, 1:]) / 2.0)

    def revenue(self, *, months: int) -> FloatArray:
        """Return expected revenue of the first ``months``, undiscounted, shape (n,)."""
        worth = (self.alive() * self.level)[:, :months].sum(axis=1)
        return np.asarray(self.mrr * worth)

    def value(self) -> FloatArray:
        """Return the discounted margin less cost to serve of all months, shape (n,)."""
        alive = self.alive() * self.weights()
        worth = (alive * self.level).sum(axis=1) * self.mrr * self.margin
        return np.asarray(worth - alive.sum(axis=1) * self.cost)


def cumulate(hazard: FloatArray) -> FloatArray:
    """Return the cumulative hazard at the ends of months 0..m, shape (n, m + 1)."""
    return np.hstack([np.zeros((len(hazard), 1)), np.cumsum(hazard, axis=1)])


def shift_months(curve: FloatArray, lag: FloatArray) -> FloatArray:
    """Return a curve on months 0..m, shape (n, m + 1), as it was ``lag`` months before.

    Between two months it is a straight line; before month 0 it is its value there.

    Examples
    --------
    >>> shift_months(np.array([[0.0, 1.0, 3.0]]), np.array([0.5])).tolist()
    [[0.0, 0.5, 2.0]]
    """
    at = np.maximum(np.arange(curve.shape[1]) - lag[:, None], 0.0)
    low = np.floor(at).astype(np.int64)
    part = at - low
    high = np.minimum(low + 1, curve.shape[1] - 1)
    before = np.take_along_axis(curve, low, axis=1)
    return np.asarray(before + part * (np.take_along_axis(curve, high, axis=1) - before))


def explain_value(plan: Plan) -> FloatArray:
    """Return what each step adds to the value, shape (n, 6), in the order of ``GROUPS``.

    From a contract that is paid for sixty months without loss, growth, cost or discount; then
    leaving within the first year, leaving later, growth, margin and cost to serve, and discount
    are let in one after the other. The rows add up to ``plan.value()``.
    """
    n = len(plan.mrr)
    safe = replace(
        plan,
        hazard=np.zeros_like(plan.hazard),
        level=np.ones_like(plan.level),
        margin=np.ones(n),
        cost=np.zeros(n),
        discount=0.0,
    )
    first = plan.hazard.copy()
    first[:, FIRST_YEAR:] = 0.0
    steps = [safe]
    steps.append(replace(steps[-1], hazard=first))
    steps.append(replace(steps[-1], hazard=plan.hazard))
    steps.append(replace(steps[-1], level=plan.level))
    steps.append(replace(steps[-1], margin=plan.margin, cost=plan.cost))
    steps.append(plan)
    values = np.stack([step.value() for step in steps], axis=1)
    return np.asarray(np.diff(values, axis=1, prepend=np.zeros((n, 1))))
