"""Which columns of a flat table tell too much: those nobody can date, by what they are worth.

Columns known at creation may teach; those `unknown` may hold the answer. With all of them a model
is fitted on one part of the deals and judged on another; then the column without which it loses
most is taken away, again and again, because columns that say the same cover for one another. No
name decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.deals.flat import Known
from models import accuracy
from models.base import Examples, FloatArray
from models.deals.inputs import Inputs
from models.trees import Growth, Trees

MOST_ROWS = 12_000
LEARNED_SHARE = 0.6
SEED = 20240607
LEAST_LOST = 0.001
MOST_TRIED = 3
FEWEST = 100
"""Deals of each kind: with fewer, what a column is worth cannot be told from chance."""
GROWTH = Growth("binary", rounds=120, rate=0.1, least_rows=30)


@dataclass(frozen=True)
class Suspect:
    """One column of unknown date.

    Attributes
    ----------
    field
        The column.
    rank
        1 = the column without which most was lost.
    auc_before, auc_lost
        Held-out AUC with it and all not yet taken away, and what was lost without it.
    suspect
        Whether that is more than ``LEAST_LOST``.
    """

    field: str
    rank: int
    auc_before: float
    auc_lost: float
    suspect: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Halves:
    """Both parts of the deals as matrices, and which of their columns each field fills."""

    learned: FloatArray
    judged: FloatArray
    won_learned: FloatArray
    won_judged: FloatArray
    fields: tuple[str, ...]

    def measure(self, fields: Sequence[str]) -> tuple[float, list[str]]:
        """Return held-out AUC with some fields, and them by how much shuffling each costs."""
        if not fields:
            return 0.5, []
        places = np.array([self.fields.index(name) for name in fields])
        trees = Trees.grow(self.learned[:, places], self.won_learned, growth=GROWTH)
        rows = self.judged[:, places]
        area = accuracy.auc(self.won_judged, trees.raw(rows))
        rng, cost = np.random.default_rng(SEED), {}
        for place, name in enumerate(fields):
            mixed = rows.copy()
            mixed[:, place] = rng.permutation(mixed[:, place])
            cost[name] = area - accuracy.auc(self.won_judged, trees.raw(mixed))
        return area, sorted(cost, key=lambda name: -cost[name])


def audit_unknown(examples: Examples, known: Mapping[str, Known]) -> list[Suspect]:
    """Rank the columns of unknown date by the held-out AUC lost when each is dropped.

    Parameters
    ----------
    examples
        Closed deals with every column, label 1 for won.
    known
        Column to when its value is known; what is known only at the close is left out, for it is
        never learned from anyway.

    Returns
    -------
    list of Suspect
        The worst first; empty where no column is unknown or too few deals are closed.
    """
    left = [name for name, when in known.items() if when == "unknown"]
    kept = [name for name, when in known.items() if when == "created"]
    won = int(examples.label.sum())
    if not left or min(won, len(examples.label) - won) < FEWEST:
        return []
    halves = _halve(examples, kept + left)
    left = [name for name in left if name in halves.fields]
    kept = [name for name in kept if name in halves.fields]
    found: list[Suspect] = []
    area, order = halves.measure(kept + left)
    while left:
        tried = [name for name in order if name in left][:MOST_TRIED]
        without = {
            name: halves.measure([one for one in kept + left if one != name]) for name in tried
        }
        worst = min(tried, key=lambda name: without[name][0])
        lost = area - without[worst][0]
        left.remove(worst)
        found.append(Suspect(worst, len(found) + 1, area, lost, lost > LEAST_LOST))
        area, order = without[worst]
    return found


def _halve(examples: Examples, fields: Sequence[str]) -> _Halves:
    rows = np.random.default_rng(SEED).permutation(len(examples.label))[:MOST_ROWS]
    cut = int(LEARNED_SHARE * len(rows))
    learned, judged = examples.take(np.sort(rows[:cut])), examples.take(np.sort(rows[cut:]))
    inputs, matrix = Inputs.learn(learned.frame, learned.label, only=fields)
    return _Halves(matrix, inputs.matrix(judged.frame), learned.label, judged.label, inputs.columns)
