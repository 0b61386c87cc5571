"""What a simulation takes in beside its inputs, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.deals.days import Floats, Ints
from models.forecast.raw import ENDING_ARR, RENEWALS, REVENUE
from models.forecast.recurring.facts import Flags

TARGETS = (REVENUE, ENDING_ARR, RENEWALS)


@dataclass(frozen=True)
class RecurringDraws:
    """Draws by node, shape (nodes, draws), minor units; retention is a share, (draws,).

    ``revenue`` and ``renewals`` are of the whole quarter, what is in already included;
    ``ending`` is annual. ``nrr`` and ``grr`` are of the customers of the quarter's start, NaN
    while it is yet to begin. ``parts``: by target (revenue, ending_arr, renewals) and name, what
    the means are made of beside what is agreed, (nodes,).
    """

    nodes: tuple[str, ...]
    revenue: Floats
    ending: Floats
    renewals: Floats
    nrr: Floats
    grr: Floats
    parts: Mapping[str, Mapping[str, Floats]]

    def of(self, target: str) -> Floats:
        """Return a target's draws, (nodes, draws)."""
        return dict(zip(TARGETS, (self.revenue, self.ending, self.renewals), strict=True))[target]

    def addends(self, target: str) -> dict[str, Floats]:
        """Return what a target's means are made of, what is agreed first, (nodes,) each."""
        parts = self.parts[target]
        agreed = self.of(target).mean(axis=1) - np.sum([*parts.values()], axis=0)
        return {"agreed": agreed, **parts}


@dataclass(frozen=True)
class Wins:
    """Wins drawn elsewhere: by draw, day number and MRR of each; arrays of shape (wins,).

    ``places`` (wins, dimensions) are rows of the nodes, ``is_new`` marks accounts without MRR.
    """

    draw: Ints
    day: Ints
    mrr: Floats
    places: Ints
    is_new: Flags
