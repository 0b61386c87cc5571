"""Contract lives as they were seen: cut off at both ends, and said so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lifecycle.errors import DataError
from models.base import FloatArray


@dataclass(frozen=True)
class Spells:
    """Contract lives as they were seen: from an age on, up to an age, ended or still going.

    Attributes
    ----------
    entry
        Shape (n,). Whole periods of age at which watching began (0 = from the start); a life
        that ended before it could be seen is not among the rows (left truncation).
    exit
        Shape (n,). Whole periods survived when the life ended or watching stopped.
    ended
        Shape (n,). True when the life ended in the period after ``exit``; False when it was
        alive at ``exit`` (right censoring).
    weight
        Shape (n,). How many contracts share the row.
    """

    entry: FloatArray
    exit: FloatArray
    ended: NDArray[np.bool_]
    weight: FloatArray

    @property
    def ends(self) -> float:
        """Number of lives that ended."""
        return float(self.weight[self.ended].sum())

    @property
    def size(self) -> float:
        """Number of contracts, all rows together."""
        return float(self.weight.sum())

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Spells:
        """Return the chosen rows (a mask or row numbers)."""
        return Spells(self.entry[rows], self.exit[rows], self.ended[rows], self.weight[rows])

    def compress(self) -> Spells:
        """Return one row per distinct life: the same likelihood from fewer rows."""
        rows = np.column_stack([self.entry, self.exit, self.ended])
        unique, place = np.unique(rows, axis=0, return_inverse=True)
        weight = np.bincount(place.ravel(), weights=self.weight).astype(np.float64)
        return Spells(unique[:, 0], unique[:, 1], unique[:, 2] > 0, weight)


def build_spells(entry: ArrayLike, exit_: ArrayLike, ended: ArrayLike) -> Spells:
    """Return checked lives, one row per contract, ages in whole periods.

    Raises
    ------
    DataError
        The arrays differ in length, or not 0 <= entry <= exit, both finite.

    Examples
    --------
    >>> build_spells([0, 3], [2, 9], [True, False]).ends
    1.0
    """
    first, last = (np.floor(np.asarray(v, dtype=np.float64)) for v in (entry, exit_))
    over = np.asarray(ended, dtype=np.bool_)
    if not first.ndim == 1 or not len(first) == len(last) == len(over):
        raise DataError(f"shapes {first.shape}, {last.shape}, {over.shape}", "vectors alike")
    bad = ~(np.isfinite(first) & np.isfinite(last)) | (first < 0) | (last < first)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"{bad.sum()} impossible lives, e.g. seen from {first[row]} to {last[row]}",
            "0 <= entry <= exit",
            "count ages from the start of the contract",
        )
    return Spells(first, last, over, np.ones(len(first)))
