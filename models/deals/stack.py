"""How logistic and trees are brought together: by half each, unless the latest quarters differ.

Each is fitted on the quarters before the latest two and says what it makes of those; a logistic on
both log-odds, held near half each, then gives their weights. Near the quarter's end only deals that
are nearly there can still be won, and a mean of two models spreads chances too little there: one
more weight stretches them late in the quarter, as far as those quarters ask for it. Whatever the
weights, as many deals are expected to be won as by half each: log-odds stretched about their middle
would move the few likely deals far more than the many unlikely ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from models.base import DayArray, FloatArray
from models.columns import Frame, read_numbers
from models.deals.ridge import solve_logistic

JUDGED_QUARTERS = 2
EARLY_WEEKS, LATE_WEEKS = 6.0, 6.0
HELD = (16.0, 16.0, 4.0, 1.0, 1.0)
"""One over the variance of the prior: deviations of 0.25 for weights, 0.5 late; levels are free.

How the level of those two quarters lay is not carried on: it wanders, and what is put around the
winner (`training.deals.serving`) follows it over more quarters.
"""
FIXED, FREE = 1e12, 1e-6


@dataclass(frozen=True)
class Stack:
    """Weights of a logistic's and of trees' log-odds.

    Attributes
    ----------
    logistic, trees
        Weight of each.
    late
        What both weights together gain at the very end of the quarter, half each.
    level, late_level
        Log-odds added everywhere, and at the very end: they keep the number expected to be won.
    """

    logistic: float
    trees: float
    late: float = 0.0
    level: float = 0.0
    late_level: float = 0.0

    def weigh(self, lateness: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weights of the logistic and of the trees, and what is added, each (n,)."""
        more = self.late * lateness / 2.0
        return self.logistic + more, self.trees + more, self.level + self.late_level * lateness

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        return cls(**{one.name: float(data[one.name]) for one in fields(cls)})


EVEN = Stack(0.5, 0.5)


def learn_stack(
    logistic: FloatArray, trees: FloatArray, lateness: FloatArray, won: FloatArray, *, deals: int
) -> Stack:
    """Learn weights from log-odds of rows that neither model was fitted on, all of shape (n,).

    ``deals`` is how many won deals the rows speak of: rows of one deal repeat it, and the prior is
    made to count as often.
    """
    both = (logistic + trees) / 2.0
    mass = float(lateness.sum())
    centre = float(lateness @ both / mass) if mass > 0 else 0.0
    late = lateness * (both - centre)
    design = np.column_stack([logistic, trees, late, lateness, np.ones(len(won))])
    prior = np.array([EVEN.logistic, EVEN.trees, 0.0, 0.0, 0.0])
    penalty = np.array(HELD) * max(float(won.sum()) / max(deals, 1), 1.0)
    weight = np.ones(len(won))
    found = solve_logistic(design, won, weight=weight, penalty=penalty, prior=prior)
    stack = Stack(*(float(one) for one in found[:3]))
    left, right, _ = stack.weigh(lateness)
    level, late_level = _keep_level(left * logistic + right * trees, lateness, expit(both))
    return replace(stack, level=level, late_level=late_level)


def _keep_level(odds: FloatArray, lateness: FloatArray, expected: FloatArray) -> tuple[float, ...]:
    """Return what to add to log-odds, everywhere and late, to expect as many wins as before."""
    design = np.column_stack([odds, np.ones(len(odds)), lateness])
    found = solve_logistic(
        design,
        expected,
        weight=np.ones(len(odds)),
        penalty=np.array([FIXED, FREE, FREE]),
        prior=np.array([1.0, 0.0, 0.0]),
    )
    return float(found[1]), float(found[2])


def measure_lateness(frame: Frame) -> FloatArray:
    """Return shape (n,): 0 to the middle of the quarter, then rising to 1 in its last week.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``quarter_week``.
    """
    week = read_numbers(frame, "quarter_week")
    return np.nan_to_num(np.clip((week - EARLY_WEEKS) / LATE_WEEKS, 0.0, 1.0))


def split_latest(frame: Frame, day: DayArray) -> NDArray[np.bool_] | None:
    """Return which rows lie in the latest two quarters; None with fewer than four quarters.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``quarter_days_left``.
    """
    left = np.nan_to_num(read_numbers(frame, "quarter_days_left"))
    ends = day.astype("datetime64[D]").astype(np.int64) + np.round(left).astype(np.int64)
    quarters = np.unique(ends)
    if len(quarters) < 2 * JUDGED_QUARTERS:
        return None
    return np.asarray(ends >= quarters[-JUDGED_QUARTERS])
