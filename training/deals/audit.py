"""Which columns of a flat table tell too much: those nobody can date, by what they are worth.

Columns known at creation may teach; those `unknown` may hold the answer. With all of them a model
is fitted on one half of the deals and judged on the other; then the column without which it loses
most is taken away, again and again. Columns that say the same cover for one another, so each is
also weighed alone, beside those known at creation. Whatever gains more than chance explains is a
suspect. No name decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from features.deals.flat import Known
from models import accuracy
from models.auc_gain import auc_gain
from models.base import Examples, FloatArray
from models.deals.inputs import Inputs
from models.trees import Growth, Trees

MOST_ROWS = 80_000
MOST_SHUFFLED = 4_000
LEARNED_SHARE = 0.5
SEED = 20240607
MOST_TRIED = 3
FALSE_SHARE = 0.05
"""Wanted share of audits that suspect anything where no unknown column says a thing."""
FEWEST = 100
"""Deals of each kind: with fewer, what a column is worth cannot be told from chance."""
# all columns and rows in every tree: a fit without a column that says nothing then hardly differs,
# and what differs is told by the rows judged, not by the draw of the fit
GROWTH = Growth(
    "binary", 120, 0.1, least_rows=30, more={"feature_fraction": 1.0, "bagging_fraction": 1.0}
)


@dataclass(frozen=True)
class Suspect:
    """One column of unknown date.

    Attributes
    ----------
    field
        The column.
    rank
        1 = the column without which most was lost.
    auc_before, auc_lost, auc_lost_se
        Held-out AUC with it and all not yet taken away, what was lost without it, and the standard
        error of that.
    auc_alone, auc_alone_se
        What it adds to the columns known at creation when it comes alone, and its standard error.
    suspect
        Whether either is more than chance explains.
    """

    field: str
    rank: int
    auc_before: float
    auc_lost: float
    auc_lost_se: float
    auc_alone: float
    auc_alone_se: float
    suspect: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Fit:
    """A fit on some fields, and how it ranks the deals judged."""

    fields: tuple[str, ...]
    trees: Trees | None
    score: FloatArray


@dataclass(frozen=True)
class _Halves:
    """Both parts of the deals as matrices, and which of their columns each field fills."""

    learned: FloatArray
    judged: FloatArray
    won_learned: FloatArray
    won_judged: FloatArray
    fields: tuple[str, ...]

    def fit(self, fields: Sequence[str]) -> _Fit:
        """Fit on some fields and score the deals judged; without any all rank the same."""
        if not fields:
            return _Fit((), None, np.zeros(len(self.won_judged)))
        places = self._places(fields)
        trees = Trees.grow(self.learned[:, places], self.won_learned, growth=GROWTH)
        return _Fit(tuple(fields), trees, trees.raw(self.judged[:, places]))

    def gain(self, more: _Fit, less: _Fit) -> tuple[float, float]:
        """Return what one fit ranks better than another, and the standard error."""
        return auc_gain(self.won_judged, more.score, rival=less.score)

    def rank(self, fit: _Fit, wanted: Sequence[str]) -> list[str]:
        """Return fields by what shuffling each costs, the most first: which are worth a try."""
        if fit.trees is None:
            return []
        rows = self.judged[:MOST_SHUFFLED, self._places(fit.fields)]
        won, rng = self.won_judged[:MOST_SHUFFLED], np.random.default_rng(SEED)
        left: dict[str, float] = {}
        for name in wanted:
            mixed, place = rows.copy(), fit.fields.index(name)
            mixed[:, place] = rng.permutation(mixed[:, place])
            left[name] = accuracy.auc(won, fit.trees.raw(mixed))
        return sorted(left, key=lambda name: left[name])

    def _places(self, fields: Sequence[str]) -> list[int]:
        return [self.fields.index(name) for name in fields]


def audit_unknown(examples: Examples, known: Mapping[str, Known]) -> list[Suspect]:
    """Rank the columns of unknown date by the held-out AUC lost when each is dropped.

    A column is a suspect when what is lost without it, or what it adds alone, exceeds a quantile of
    its standard error (DeLong 1988): 1 - ``FALSE_SHARE`` over the number of looks, ``MOST_TRIED``
    + 1 for each column (Bonferroni), one-sided.

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
    bound = needed_errors(len(left))
    bare = halves.fit(kept)
    alone = {name: halves.gain(halves.fit([*kept, name]), bare) for name in left}
    found: list[Suspect] = []
    for name, area, lost in _take_away(halves, kept, left):
        says = any(gain > bound * error for gain, error in (lost, alone[name]))
        found.append(Suspect(name, len(found) + 1, area, *lost, *alone[name], says))
    return found


def needed_errors(columns: int) -> float:
    """Return how many standard errors a gain must exceed, of so many unknown columns.

    Examples
    --------
    >>> round(needed_errors(1), 2), round(needed_errors(10), 2)
    (2.24, 3.02)
    """
    looks = max(1, columns) * (MOST_TRIED + 1)
    return float(norm.isf(FALSE_SHARE / looks))


def _take_away(
    halves: _Halves, kept: Sequence[str], left: Sequence[str]
) -> list[tuple[str, float, tuple[float, float]]]:
    """Take away the column most is lost without, again and again: name, AUC before, loss."""
    fit = halves.fit([*kept, *left])
    gone: list[tuple[str, float, tuple[float, float]]] = []
    while len(gone) < len(left):
        wanted = [name for name in fit.fields if name not in kept]
        without = {
            name: halves.fit([one for one in fit.fields if one != name])
            for name in halves.rank(fit, wanted)[:MOST_TRIED]
        }
        lost = {name: halves.gain(fit, less) for name, less in without.items()}
        worst = max(lost, key=lambda name: lost[name][0])
        gone.append((worst, accuracy.auc(halves.won_judged, fit.score), lost[worst]))
        fit = without[worst]
    return gone


def _halve(examples: Examples, fields: Sequence[str]) -> _Halves:
    rows = np.random.default_rng(SEED).permutation(len(examples.label))[:MOST_ROWS]
    cut = int(LEARNED_SHARE * len(rows))
    learned, judged = examples.take(np.sort(rows[:cut])), examples.take(np.sort(rows[cut:]))
    inputs, matrix = Inputs.learn(learned.frame, learned.label, only=fields)
    return _Halves(matrix, inputs.matrix(judged.frame), learned.label, judged.label, inputs.columns)
