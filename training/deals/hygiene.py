"""Days on which somebody closed old deals in bulk: the record was tidied, nothing was lost.

Such a close says when operations looked, not when a customer decided; learned from as a loss, it
would teach that silent deals die in the second week of a quarter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.deals.sweeps import SILENT_DAYS, are_bulk, group_closes
from models.base import FloatArray
from training.deals.turns import LOST, OPEN, Turns

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Hygiene:
    """What was closed in bulk.

    Attributes
    ----------
    swept
        Shape (k,): which turns were closes in bulk.
    days
        Number of silent deals closed, by day.
    """

    swept: NDArray[np.bool_]
    days: Mapping[date, int]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: how many deals, on which days."""
        return {
            "deals_count": int(self.swept.sum()),
            "days": [{"day": day.isoformat(), "deals_count": n} for day, n in self.days.items()],
        }


def find_hygiene(turns: Turns, silent_since: FloatArray) -> Hygiene:
    """Find closes in bulk, by the rule of `features.deals.sweeps`.

    Parameters
    ----------
    turns
        Changes of state.
    silent_since
        Shape (k,): before each turn, when the deal was last heard of (days since the epoch).
    """
    day = np.floor(turns.happened)
    swept = np.zeros(len(day), dtype=bool)
    places = np.flatnonzero((turns.state == LOST) & (day - silent_since >= SILENT_DAYS))
    if not len(places):
        return Hygiene(swept, {})
    group, closer = group_closes(turns.by[places], day[places])
    count = np.bincount(group)
    closes = day[turns.state != OPEN]
    swept[places] = are_bulk(count, closer, float(closes.max() - closes.min()))[group]
    days, counts = np.unique(day[swept], return_counts=True)
    found = {EPOCH + timedelta(days=int(one)): int(n) for one, n in zip(days, counts, strict=True)}
    return Hygiene(swept, found)
