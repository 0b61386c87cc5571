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

from features.deals.sweeps import FEWEST_CLOSES, SILENT_DAYS, TIMES_USUAL
from models.base import FloatArray
from training.deals.turns import LOST, Turns

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
    """Find closes in bulk.

    A day counts on which one person (anyone, where nobody is named) closes as lost at least
    ``FEWEST_CLOSES`` deals that had been silent for ``SILENT_DAYS``, and ``TIMES_USUAL`` times as
    many as that person does on a usual day (the mean over the other days between the first and
    the last close of all).

    Parameters
    ----------
    turns
        Changes of state.
    silent_since
        Shape (k,): before each turn, when the deal was last heard of (days since the epoch).
    """
    day = np.floor(turns.happened)
    silent = (turns.state == LOST) & (day - silent_since >= SILENT_DAYS)
    swept = np.zeros(len(day), dtype=bool)
    if not silent.any():
        return Hygiene(swept, {})
    span = float(day.max() - day.min())
    places = np.flatnonzero(silent)
    groups, of, count = np.unique(
        np.column_stack([turns.by[places].astype(np.float64), day[places]]),
        axis=0, return_inverse=True, return_counts=True,
    )  # fmt: skip
    who, whose = np.unique(groups[:, 0], return_inverse=True)
    total = np.bincount(whose, weights=count, minlength=len(who))[whose]
    usual = (total - count) / max(span, 1.0)
    bulk = (count >= FEWEST_CLOSES) & (count >= TIMES_USUAL * usual)
    swept[places] = bulk[of.ravel()]
    return Hygiene(swept, _by_day(groups[bulk, 1], count[bulk]))


def _by_day(days: FloatArray, count: NDArray[np.intp]) -> dict[date, int]:
    found: dict[date, int] = {}
    for day, n in sorted(zip(days.tolist(), count.tolist(), strict=True)):
        key = EPOCH + timedelta(days=int(day))
        found[key] = found.get(key, 0) + int(n)
    return found
