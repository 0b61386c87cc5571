"""What became of deals after a landmark, as numbers, and how much each row counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lifecycle.errors import FeatureMismatchError, ModelError
from models.base import DayArray, Examples, FloatArray
from models.columns import Frame, number_units, read_numbers

DEAL = "opportunity_id"
NEEDED = (
    "won_in_quarter", "closed_days", "won", "observed_days", "final_amount_minor",
    "deal_rows_count",
)  # fmt: skip
SEED = 20250101


@dataclass(frozen=True)
class After:
    """Outcomes of n landmark rows; NaN is not known (yet).

    Attributes
    ----------
    won_in_quarter, won
        Shape (n,), 1 or 0: won before the landmark's quarter ends; won in the end.
    closed_days, observed_days
        Shape (n,): days from the landmark to the close, and to the day knowledge ends (whether
        the deal closed before it or not).
    final_amount_minor
        Shape (n,), minor units; of won deals.
    rows_count
        Shape (n,): landmarks of the row's deal.
    turn
        Shape (n,): which of its deal's landmarks the row is, from 1 on.
    """

    won_in_quarter: FloatArray
    won: FloatArray
    closed_days: FloatArray
    observed_days: FloatArray
    final_amount_minor: FloatArray
    rows_count: FloatArray
    turn: FloatArray

    @classmethod
    def read(cls, examples: Examples) -> Self:
        """Read the outcomes of examples.

        Raises
        ------
        ModelError
            The examples carry no outcomes, or lack a column of them.
        """
        found = examples.outcomes
        missing = [name for name in NEEDED if found is None or name not in found.column_names]
        if found is None or missing:
            raise ModelError(
                f"examples without outcomes {', '.join(missing)}",
                "what became of each deal, per row",
                "build the examples with training.deals.outcomes",
            )
        one = {name: read_numbers(found, name) for name in NEEDED}
        return cls(
            one["won_in_quarter"],
            one["won"],
            one["closed_days"],
            one["observed_days"],
            one["final_amount_minor"],
            np.maximum(np.nan_to_num(one["deal_rows_count"], nan=1.0), 1.0),
            count_turns(deal_numbers(examples.frame), examples.as_of),
        )

    @property
    def weights(self) -> FloatArray:
        """Return shape (n,): 1 over the root of how many landmarks the deal has had so far.

        Rows of one deal say nearly the same; unweighted, those that lie open for years and never
        close would be most of what is learned. Not over all landmarks the deal will ever have:
        a deal that is won soon has few of them, so that weight knows the future, and chances
        learned with it came out a fifth too high on deals whose law was known.
        """
        return np.asarray(1.0 / np.sqrt(self.turn))


def deal_numbers(frame: Frame) -> NDArray[np.intp]:
    """Return shape (n,): one number per deal, from 0 on.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``opportunity_id``.
    """
    if DEAL not in frame.column_names:
        raise FeatureMismatchError(f"frame lacks {DEAL}", "columns of deal_frame")
    return number_units(frame, DEAL)[0]


def count_turns(deal: NDArray[np.intp], day: DayArray) -> FloatArray:
    """Return shape (n,): each row's place among its deal's rows in order of day, from 1 on.

    Examples
    --------
    >>> days = np.array(["2024-01-08", "2024-01-01", "2024-01-01"], dtype="datetime64[D]")
    >>> count_turns(np.array([0, 0, 1]), days).tolist()
    [2.0, 1.0, 1.0]
    """
    order = np.lexsort((day, deal))
    place, ranked = np.arange(len(deal)), deal[order]
    starts = np.where(np.r_[True, ranked[1:] != ranked[:-1]][: len(deal)], place, 0)
    turns = np.empty(len(deal))
    turns[order] = place - np.maximum.accumulate(starts) + 1.0
    return turns


def count_deals(frame: Frame, rows: NDArray[np.bool_]) -> int:
    """Return how many different deals the chosen rows speak of."""
    return len(np.unique(deal_numbers(frame)[rows]))


def thin(weights: FloatArray, most: int) -> tuple[NDArray[np.intp], FloatArray]:
    """Draw about ``most`` rows, the weightier the likelier, and return them with new weights.

    A row drawn with probability q counts 1/q times as much (Horvitz and Thompson 1952), so sums
    keep their expectation; rows of long-lived deals, which repeat each other, are drawn less.

    Examples
    --------
    >>> rows, weight = thin(np.array([1.0, 0.5]), 10)
    >>> rows.tolist(), weight.tolist()
    ([0, 1], [1.0, 0.5])
    """
    if len(weights) <= most:
        return np.arange(len(weights)), weights
    chance = np.minimum(weights * (most / weights.sum()), 1.0)
    drawn = np.flatnonzero(np.random.default_rng(SEED).random(len(weights)) < chance)
    return drawn, weights[drawn] / chance[drawn]
