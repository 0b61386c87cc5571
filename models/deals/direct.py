"""The headline: the probability that an open deal is won before its quarter ends.

A penalised logistic, gradient-boosted trees, or both (``models.deals.stack``), learned from weekly
landmarks of open deals as they were known then. The later in its deal's life a row stands, the less
it counts; rows whose quarter is still open teach nothing here (the hazard uses them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lifecycle.errors import ModelError, NotEnoughHistoryError
from models.base import (
    DayArray,
    Examples,
    Explanation,
    FloatArray,
    Unit,
    check_fitted,
    check_horizon,
)
from models.columns import Frame
from models.contract.events import choose_ridge
from models.deals.after import After, count_deals, thin
from models.deals.inputs import Inputs
from models.deals.ridge import fit_weighted
from models.deals.stack import EVEN, Stack, learn_stack, measure_lateness, split_latest
from models.deals.telling import explain_columns
from models.logistic import Logistic
from models.parts import read_part, write_part
from models.trees import Growth, Trees

PART, TREES_PART = "direct.json", "direct.txt"
STACKS: Mapping[str, Stack] = {
    "logistic": Stack(1.0, 0.0),
    "blend": EVEN,
    "trees": Stack(0.0, 1.0),
}
"""By kind, how members are brought together; a blend learns better where it can."""
FEWEST: Mapping[str, int] = {"logistic": 20, "blend": 60, "trees": 60}
"""Deals won in their quarter, and deals not, below which a kind is not fitted."""
FALLING = ("push_count", "two_way_silence_days")
"""Columns of which more never raises the chance: trees are held to it."""
MOST_LOGISTIC, MOST_TREES = 50_000, 120_000
ROUNDS, RATE = 200, 0.05


@dataclass(frozen=True)
class _Rows:
    """Landmarks whose quarter has ended: frame, label, weight and day, one per row."""

    frame: Frame
    label: FloatArray
    weight: FloatArray
    day: DayArray

    def take(self, rows: NDArray[np.bool_]) -> _Rows:
        where = np.flatnonzero(rows)
        return _Rows(self.frame.take(where), self.label[where], self.weight[where], self.day[where])


class DirectModel:
    """Log-odds of being won in the quarter, by logistic, trees, or both.

    Parameters
    ----------
    kind
        ``logistic``, ``trees`` or ``blend``.
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "blend") -> None:
        if kind not in STACKS:
            raise ModelError(f"a deal model {kind!r}", f"one of {sorted(STACKS)}")
        self.kind, self.name = kind, f"deal_{kind}"
        self._stack = STACKS[kind]
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
        rows = _Rows(frame, label, after.weights[known], examples.as_of[known])
        return self._learn(rows, won=won)

    def _learn(self, rows: _Rows, *, won: int) -> Self:
        self._inputs, matrix = Inputs.learn(rows.frame, rows.label)
        if self.kind == "blend":
            self._stack = self._judge(rows, matrix)
        self._fit_members(matrix, rows, won=won)
        return self

    def _judge(self, rows: _Rows, matrix: FloatArray) -> Stack:
        """Fit members on the quarters before the latest two, and weigh them on those."""
        later = split_latest(rows.frame, rows.day)
        if later is None:
            return EVEN
        before = rows.take(~later)
        won = count_deals(before.frame, before.label > 0)
        judged = count_deals(rows.frame, later & (rows.label > 0))
        if min(won, judged) < FEWEST[self.kind]:
            return EVEN
        self._fit_members(matrix[~later], before, won=won)
        odds = self._members(matrix[later])
        lateness = measure_lateness(rows.frame)[later]
        return learn_stack(*odds, lateness, rows.label[later], deals=judged)

    def _fit_members(self, matrix: FloatArray, rows: _Rows, *, won: int) -> None:
        inputs = check_fitted(self._inputs, self.name)
        label = rows.label
        if self.kind != "trees":
            some, counted = thin(rows.weight, MOST_LOGISTIC)
            self._logistic, self._level = fit_weighted(
                matrix[some],
                label[some],
                weight=counted,
                text=inputs.text_sizes,
                ridge=choose_ridge(float(counted @ label[some]), won),
            )
        if self.kind != "logistic":
            some, counted = thin(rows.weight, MOST_TREES)
            growth = grow_deals(tuple(inputs.columns[k] for k in inputs.plain))
            # leaves are held by the weight in them, so rows count as one on average
            counted = counted / counted.mean()
            own = matrix[np.ix_(some, inputs.plain)]
            self._trees = Trees.grow(own, label[some], growth=growth, weight=counted)

    def _members(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log-odds of the logistic and of the trees; zeros of one that is not there."""
        logistic, trees = np.zeros(len(matrix)), np.zeros(len(matrix))
        if self._logistic is not None:
            logistic = self._level + self._logistic.raw(matrix)
        if self._trees is not None and len(matrix):
            plain = check_fitted(self._inputs, self.name).plain
            trees = self._trees.raw(matrix[:, plain])
        return logistic, trees

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
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
        logistic, trees = self._members(inputs.matrix(frame))
        left, right, shift = self._stack.weigh(measure_lateness(frame))
        return np.asarray(expit(left * logistic + right * trees + shift))

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds by group: centred terms of the logistic, TreeSHAP of the trees."""
        inputs = check_fitted(self._inputs, self.name)
        matrix = inputs.matrix(frame)
        left, right, shift = self._stack.weigh(measure_lateness(frame))
        parts, base = np.zeros(matrix.shape), shift
        if self._logistic is not None:
            parts += left[:, None] * self._logistic.contributions(matrix)
            base = base + left * self._level
        if self._trees is not None and len(matrix):
            values, start = self._trees.contributions(matrix[:, inputs.plain])
            parts[:, inputs.plain] += right[:, None] * values
            base = base + right * start
        return explain_columns(base, inputs.columns, parts)

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and the trees as LightGBM text if there are any."""
        inputs = check_fitted(self._inputs, self.name)
        kept = {
            "kind": self.kind,
            "horizon_days": self.horizon_days,
            "level": self._level,
            "stack": self._stack.to_json(),
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
            model._stack = Stack.from_json(kept["stack"])
            model._inputs = Inputs.from_json(kept["inputs"])
            model._logistic = Logistic.from_json(kept["logistic"]) if kept["logistic"] else None
            model._trees = Trees(parts[TREES_PART].decode()) if model.kind != "logistic" else None
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
