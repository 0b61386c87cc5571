"""How logistic and trees are brought together: by half each, unless the latest quarters differ.

Each is fitted on the quarters before the latest two and says what it makes of those; a logistic on
both log-odds, held near half each, then gives their weights. Near the quarter's end only deals that
are nearly there can still be won, and a mean of two models spreads chances too little there: one
more weight stretches them late in the quarter, as far as those quarters ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.base import DayArray, FloatArray
from models.deals.after import read_numbers
from models.deals.ridge import solve_logistic

JUDGED_QUARTERS = 2
EARLY_WEEKS, LATE_WEEKS = 6.0, 6.0
HELD = (16.0, 16.0, 16.0, 1.0, 1.0)
"""One over the variance of the prior: 0.25 for the deviation of weights; levels are nearly free.

How the level of those two quarters lay is not carried on: it wanders, and following it cost more
than it brought.
"""


@dataclass(frozen=True)
class Stack:
    """Weights of a logistic's and of trees' log-odds.

    Attributes
    ----------
    logistic, trees
        Weight of each.
    late, centre
        What both weights together gain at the very end of the quarter, half each, on log-odds
        less ``centre``.
    level
        Log-odds that keep the middle where it was when weights do not add up to 1.
    """

    logistic: float
    trees: float
    late: float = 0.0
    centre: float = 0.0
    level: float = 0.0

    def weigh(self, lateness: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return weights of the logistic and of the trees, and their centre's share, each (n,)."""
        more = self.late * lateness
        return self.logistic + more / 2.0, self.trees + more / 2.0, -more * self.centre

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
    left, right, more = (float(one) for one in found[:3])
    level = (EVEN.logistic - left) * float(logistic.mean())
    level += (EVEN.trees - right) * float(trees.mean())
    return Stack(left, right, more, centre, level)


def measure_lateness(frame: pa.Table) -> FloatArray:
    """Return shape (n,): 0 to the middle of the quarter, then rising to 1 in its last week.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``quarter_week``.
    """
    week = read_numbers(frame, "quarter_week")
    return np.nan_to_num(np.clip((week - EARLY_WEEKS) / LATE_WEEKS, 0.0, 1.0))


def split_latest(frame: pa.Table, day: DayArray) -> NDArray[np.bool_] | None:
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
