"""The headline: the probability that an open deal is won before its quarter ends.

A penalised logistic, gradient-boosted trees, or the mean of their log-odds, learned from weekly
landmarks of open deals as they were known then. The later in its deal's life a row stands, the less
it counts; rows whose quarter is still open teach nothing here (the hazard uses them).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pyarrow as pa
from scipy.special import expit

from lifecycle.errors import ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_fitted, check_horizon
from models.contract.events import choose_ridge
from models.deals.after import After, count_deals, thin
from models.deals.inputs import Inputs
from models.deals.ridge import fit_weighted
from models.deals.telling import explain_columns
from models.logistic import Logistic
from models.parts import read_part, write_part
from models.trees import Growth, Trees

PART, TREES_PART = "direct.json", "direct.txt"
SHARES: Mapping[str, float] = {"logistic": 0.0, "blend": 0.5, "trees": 1.0}
FEWEST: Mapping[str, int] = {"logistic": 20, "blend": 60, "trees": 60}
"""Deals won in their quarter, and deals not, below which a kind is not fitted."""
FALLING = ("push_count", "two_way_silence_days")
"""Columns of which more never raises the chance: trees are held to it."""
MOST_LOGISTIC, MOST_TREES = 50_000, 120_000
ROUNDS, RATE = 200, 0.05


class DirectModel:
    """Log-odds of being won in the quarter, by logistic, trees, or both.

    Parameters
    ----------
    kind
        ``logistic``, ``trees`` or ``blend``.
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "blend") -> None:
        if kind not in SHARES:
            raise ModelError(f"a deal model {kind!r}", f"one of {sorted(SHARES)}")
        self.kind, self.name = kind, f"deal_{kind}"
        self.share = SHARES[kind]
        self.horizon_days = 0
        self._level = 0.0
        self._inputs: Inputs | None = None
        self._logistic: Logistic | None = None
        self._trees: Trees | None = None

    def fit(self, examples: Examples) -> Self:
        """Learn from landmarks whose quarter has ended.

        Raises
        ------
        NotEnoughHistoryError
            Fewer deals won in their quarter, or not, than this kind needs.
        ModelError
            The examples carry no outcomes.
        """
        self.horizon_days = examples.horizon_days
        after = After.read(examples)
        known = np.flatnonzero(np.isfinite(after.won_in_quarter))
        label, frame = after.won_in_quarter[known], examples.frame.take(known)
        won = count_deals(frame, label > 0)
        fewest = min(won, count_deals(frame, label == 0))
        if fewest < FEWEST[self.kind]:
            raise NotEnoughHistoryError(
                f"{self.name}: {fewest} deals won, or not won, in a quarter that has ended",
                f"{FEWEST[self.kind]} or more of each",
                "ingest a longer history, or let a simpler candidate serve",
            )
        return self._learn(frame, label, after.weights[known], won=won)

    def _learn(self, frame: pa.Table, label: FloatArray, weight: FloatArray, *, won: int) -> Self:
        self._inputs, matrix = Inputs.learn(frame, label)
        if self.share < 1.0:
            rows, counted = thin(weight, MOST_LOGISTIC)
            self._logistic, self._level = fit_weighted(
                matrix[rows],
                label[rows],
                weight=counted,
                text=self._inputs.text_sizes,
                ridge=choose_ridge(float(counted @ label[rows]), won),
            )
        if self.share > 0.0:
            rows, counted = thin(weight, MOST_TREES)
            plain = self._inputs.plain
            growth = grow_deals(tuple(self._inputs.columns[k] for k in plain))
            # leaves are held by the weight in them, so rows count as one on average
            counted = counted / counted.mean()
            self._trees = Trees.grow(
                matrix[np.ix_(rows, plain)], label[rows], growth=growth, weight=counted
            )
        return self

    def predict(self, frame: pa.Table, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(won before the quarter ends), shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        inputs = check_fitted(self._inputs, self.name)
        matrix = inputs.matrix(frame)
        raw = np.zeros(len(matrix))
        if self._logistic is not None:
            raw += (1.0 - self.share) * (self._level + self._logistic.raw(matrix))
        if self._trees is not None and len(matrix):
            raw += self.share * self._trees.raw(matrix[:, inputs.plain])
        return np.asarray(expit(raw))

    def explain(self, frame: pa.Table) -> Explanation:
        """Return log-odds by group: centred terms of the logistic, TreeSHAP of the trees."""
        inputs = check_fitted(self._inputs, self.name)
        matrix = inputs.matrix(frame)
        parts, base = np.zeros(matrix.shape), 0.0
        if self._logistic is not None:
            parts += (1.0 - self.share) * self._logistic.contributions(matrix)
            base += (1.0 - self.share) * self._level
        if self._trees is not None and len(matrix):
            values, start = self._trees.contributions(matrix[:, inputs.plain])
            parts[:, inputs.plain] += self.share * values
            base += self.share * start
        return explain_columns(base, inputs.columns, parts)

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and the trees as LightGBM text if there are any."""
        inputs = check_fitted(self._inputs, self.name)
        kept = {
            "kind": self.kind,
            "horizon_days": self.horizon_days,
            "level": self._level,
            "inputs": inputs.to_json(),
            "logistic": self._logistic.to_json() if self._logistic else None,
        }
        parts = {PART: write_part(kept)}
        return parts | ({TREES_PART: self._trees.text.encode()} if self._trees else {})

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            model = cls(kept["kind"])
            model.horizon_days, model._level = int(kept["horizon_days"]), float(kept["level"])
            model._inputs = Inputs.from_json(kept["inputs"])
            model._logistic = Logistic.from_json(kept["logistic"]) if kept["logistic"] else None
            model._trees = Trees(parts[TREES_PART].decode()) if model.share > 0 else None
        return model

    @property
    def report(self) -> list[dict[str, object]]:
        """What became of texts and own fields, for the model card."""
        return check_fitted(self._inputs, self.name).vocabulary.report


def grow_deals(columns: tuple[str, ...]) -> Growth:
    """Return how trees are grown on these columns, held to the signs that are sure."""
    signs = [-1 if name in FALLING else 0 for name in columns]
    more = {"feature_fraction": 0.7, "monotone_constraints": signs}
    return Growth("binary", rounds=ROUNDS, rate=RATE, more=more)
