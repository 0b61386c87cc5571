"""When deals were won, lost and taken up again, as far as that was known by a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.base import FloatArray

OPEN, WON, LOST = 0, 1, 2
STATES = ("open", "won", "lost")
SPAN = 2**22
"""Days; twice what any clock holds, so that (deal, day) pairs sort as one whole number."""

EVER = SPAN // 2
"""A day after all others."""


@dataclass(frozen=True)
class Turns:
    """Each change of a deal's state, sorted by deal and by when it happened.

    A state told twice in a row (by a version of the deal and by a row of its changes) counts once,
    from when it first was.

    Attributes
    ----------
    deal
        Shape (k,): the deal's place.
    happened
        Shape (k,): days since the epoch in the company's zone, with fractions.
    state
        Shape (k,): ``OPEN``, ``WON`` or ``LOST``.
    by
        Shape (k,): who told it, a code; -1 where nobody is named.
    """

    deal: NDArray[np.int64]
    happened: FloatArray
    state: NDArray[np.int64]
    by: NDArray[np.int64]

    def last_before(self, deal: NDArray[np.int64], day: FloatArray) -> NDArray[np.int64]:
        """Return the place of each deal's last turn before a day; -1 where there is none.

        Parameters
        ----------
        deal, day
            Shape (n,): deals, and days since the epoch, exclusive.
        """
        if len(self.deal) == 0:
            return np.full(len(deal), -1)
        keys = self.deal * SPAN + np.floor(self.happened).astype(np.int64)
        place = np.searchsorted(keys, deal * SPAN + np.ceil(day).astype(np.int64)) - 1
        mine = (place >= 0) & (self.deal[np.maximum(place, 0)] == deal)
        return np.where(mine, place, -1)

    def states_of(self, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the state after each turn; open where there was none."""
        if len(self.state) == 0:
            return np.full(len(place), OPEN)
        return np.where(place >= 0, self.state[np.maximum(place, 0)], OPEN)

    def days_of(self, place: NDArray[np.int64]) -> FloatArray:
        """Return the day (whole days since the epoch) of each turn; NaN where there was none."""
        if len(self.state) == 0:
            return np.full(len(place), np.nan)
        return np.where(place >= 0, np.floor(self.happened[np.maximum(place, 0)]), np.nan)


def build_turns(
    deal: NDArray[np.int64],
    happened: FloatArray,
    state: NDArray[np.int64],
    *,
    known: FloatArray,
    by: NDArray[np.int64],
) -> Turns:
    """Build turns from statements of a deal's state, shape (k,) each, in any order.

    Examples
    --------
    >>> two = np.array([3, 3])
    >>> found = build_turns(two, np.array([5.5, 5.0]), np.array([1, 1]), known=two, by=two)
    >>> found.happened.tolist()
    [5.0]
    """
    place = find_turns(deal, happened, state, known=known)
    return Turns(deal[place], happened[place], state[place], by[place])


def find_turns(
    deal: NDArray[np.int64], happened: FloatArray, state: NDArray[np.int64], *, known: FloatArray
) -> NDArray[np.int64]:
    """Return the places of the statements that change a state, by deal and by when it was."""
    order = np.lexsort((known, happened, deal))
    deal, state = deal[order], state[order]
    first = np.append(True, deal[1:] != deal[:-1])[: len(deal)]
    before = np.where(first, OPEN, np.roll(state, 1))
    return np.asarray(order[state != before])
