"""Deals yet to come: what past quarters won of deals that nobody knew of at the same point.

Create-and-close is a bootstrap of real deals: those of past quarters that were neither won nor in
the open book on the same day of theirs. Few weeks left means few such deals, without any formula.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.deals.bookings import Wins
from features.deals.days import Ints

PAST_QUARTERS = 8
PRIOR_SD, PRIOR_QUARTERS = 0.15, 8.0


@dataclass(frozen=True)
class PastPoint:
    """A past quarter and the day in it (or before it) that matches the origin; day numbers."""

    start: int
    end: int
    day: int


@dataclass(frozen=True)
class Pool:
    """Deals to draw from.

    Attributes
    ----------
    wins
        Those of all past quarters.
    created_on
        (pool,) day of the creation, counted from the first day of its quarter.
    counts
        (quarters,) how many each past quarter had.
    """

    wins: Wins
    created_on: Ints
    counts: Ints

    @property
    def expected(self) -> float:
        """Deals that a quarter is expected to bring (count)."""
        return float(self.counts.mean()) if len(self.counts) else 0.0

    @property
    def spread(self) -> float:
        """Deviation of the log of the count beyond chance, drawn to its prior.

        Variance over squared mean less 1 over mean: what is left after Poisson noise.
        """
        count, mean = len(self.counts), self.expected
        if count < 2 or mean <= 0:
            return PRIOR_SD
        beyond = max(float(self.counts.var(ddof=1)) / mean**2 - 1.0 / mean, 0.0)
        pulled = (count * beyond + PRIOR_QUARTERS * PRIOR_SD**2) / (count + PRIOR_QUARTERS)
        return float(np.sqrt(pulled))


def draw_pool(known: Wins, points: list[tuple[PastPoint, Wins, Ints]]) -> Pool:
    """Collect the deals that could not be seen coming.

    Parameters
    ----------
    known
        Bookings as known at the origin.
    points
        Past quarters, each with the bookings known on its day and the deals then open (codes).
    """
    rows, days, counts = [], [], []
    for point, then, opened in points:
        inside = np.flatnonzero((known.closed >= point.start) & (known.closed < point.end))
        told = then.deal[(then.closed >= point.start) & (then.closed < point.end)]
        new = ~np.isin(known.deal[inside], np.concatenate([told, opened]))
        rows.append(inside[new])
        days.append(known.created[inside[new]] - point.start)
        counts.append(int(new.sum()))
    none = np.zeros(0, np.int64)
    return Pool(
        known.take(np.concatenate([none, *rows])),
        np.concatenate([none, *days]),
        np.array(counts, np.int64),
    )
