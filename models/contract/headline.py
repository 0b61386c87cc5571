"""The headline risk: the probability that an account decides to leave within the horizon.

A ridge logistic, gradient-boosted trees, or the mean of their log-odds, in which trees have the
more say the more decisions to leave there were (few events mislead trees first). Each past day has
a level of its own; ``models.contract.level`` says which one goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from scipy.special import expit

from lifecycle.errors import ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_fitted, check_horizon
from models.columns import Frame
from models.contract.beliefs import ENGAGED, MONOTONE, MOVING, OF_THE_DAY
from models.contract.core import choose_core
from models.contract.events import choose_ridge, count_events
from models.contract.inputs import NEAR, WINDOWS, Inputs
from models.contract.level import balance, choose_level
from models.contract.share import FEWEST_EVENTS, SOME_EVENTS, choose_share
from models.contract.telling import CONTRACT, GROUPS
from models.logistic import Logistic
from models.parts import read_part, write_part
from models.tellings import sum_groups
from models.trees import Growth, Trees

MODEL_PART, TREES_PART = "contract.json", "trees.txt"
ROUNDS, RATE = 200, 0.04


class ContractModel:
    """Log-odds of a decision to leave within the horizon, by logistic, trees, or both.

    Parameters
    ----------
    kind
        ``logistic``, ``trees`` or ``blend``.
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "blend") -> None:
        if kind not in FEWEST_EVENTS:
            raise ModelError(f"a contract model {kind!r}", f"one of {sorted(FEWEST_EVENTS)}")
        self.kind = kind
        self.name = f"contract_{kind}"
        self.horizon_days = 0
        self.share = 0.0
        self._level = 0.0
        self._inputs: Inputs | None = None
        self._logistic: Logistic | None = None
        self._trees: Trees | None = None

    def fit(self, examples: Examples) -> Self:
        """Learn from past days.

        Raises
        ------
        NotEnoughHistoryError
            Fewer decisions to leave than this kind needs.
        """
        events = count_events(examples)
        if events < FEWEST_EVENTS[self.kind]:
            raise NotEnoughHistoryError(
                f"{self.name}: {events:.0f} decisions to leave",
                f"{FEWEST_EVENTS[self.kind]} or more",
                "ingest a longer history, or let a simpler candidate serve",
            )
        self.horizon_days = examples.horizon_days
        only = choose_core(examples) if events < SOME_EVENTS else None
        self._inputs, matrix = Inputs.learn(examples, only=only, without=OF_THE_DAY, moving=MOVING)
        growth = grow_like(self._inputs.columns)
        self.share = choose_share(
            self.kind, events, examples, inputs=self._inputs, learned=(matrix, growth)
        )
        self._learn(examples, matrix, growth=growth)
        return self

    def _learn(self, examples: Examples, matrix: FloatArray, *, growth: Growth) -> None:
        """Fit the members whose share is not zero, and the level that goes on."""
        inputs, label = self._fitted(), examples.label
        _, place = np.unique(examples.as_of, return_inverse=True)
        near = inputs.add_near(matrix)
        self._logistic, levels = Logistic.fit(
            near,
            label,
            place=place.astype(np.float64),
            text=inputs.text_sizes,
            ridge=choose_ridge(label.sum(), count_events(examples)),
        )
        levels = levels + balance(self._logistic.raw(near) + levels[place], label)
        if self.share > 0:
            self._trees = Trees.grow(matrix, label, growth=growth, offset=levels[place])
        events = np.bincount(place, label).astype(np.float64)
        self._level = choose_level(levels, events)

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(decision to leave within the horizon), shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        inputs = self._fitted()
        matrix = inputs.matrix(frame)
        raw = np.full(len(matrix), self._level)
        if self._logistic is not None and self.share < 1.0:
            raw += (1.0 - self.share) * self._logistic.raw(inputs.add_near(matrix))
        if self._trees is not None and len(matrix):
            raw += self.share * self._trees.raw(matrix)
        return np.asarray(expit(raw))

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds by business group: centred terms of the logistic, TreeSHAP of trees."""
        inputs = self._fitted()
        matrix = inputs.matrix(frame)
        names, base = (*inputs.columns, *inputs.near_columns), self._level
        parts = np.zeros((len(matrix), len(names)))
        if self._logistic is not None and self.share < 1.0:
            parts += (1.0 - self.share) * self._logistic.contributions(inputs.add_near(matrix))
        if self._trees is not None:
            shap, start = self._trees.contributions(matrix)
            parts[:, : len(inputs.columns)] += self.share * shap
            base += self.share * start
        columns = inputs.layout.columns
        parts = fold_parts(names, parts, columns)
        groups = sum_groups(columns, parts, wording=CONTRACT)
        return Explanation(
            base, GROUPS, groups, "logit", route="contractual", columns=columns, parts=parts
        )

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and the trees as LightGBM text if there are any."""
        kept = {
            "kind": self.kind,
            "horizon_days": self.horizon_days,
            "share": self.share,
            "level": self._level,
            "inputs": self._fitted().to_json(),
            "logistic": self._logistic.to_json() if self._logistic else None,
        }
        parts = {MODEL_PART: write_part(kept)}
        return parts | ({TREES_PART: self._trees.text.encode()} if self._trees else {})

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, MODEL_PART) as kept:
            model = cls(kept["kind"])
            model.horizon_days, model.share = int(kept["horizon_days"]), float(kept["share"])
            model._level = float(kept["level"])
            model._inputs = Inputs.from_json(kept["inputs"])
            model._logistic = Logistic.from_json(kept["logistic"]) if kept["logistic"] else None
            model._trees = Trees(parts[TREES_PART].decode()) if model.share > 0 else None
        return model

    @property
    def report(self) -> list[dict[str, object]]:
        """What became of texts and own fields, for the model card."""
        return self._fitted().vocabulary.report

    def _fitted(self) -> Inputs:
        return check_fitted(self._inputs, self.name)


def grow_like(columns: tuple[str, ...]) -> Growth:
    """Return how trees are grown on these columns, held to the signs that are sure."""
    signs = [-ENGAGED[name] if name in MONOTONE else 0 for name in columns]
    more = {
        "feature_fraction": 0.8,
        "bagging_fraction": 1.0,
        "bagging_freq": 0,
        "monotone_constraints": signs,
    }
    return Growth("binary", rounds=ROUNDS, rate=RATE, more=more)


def fold_parts(names: tuple[str, ...], parts: FloatArray, columns: tuple[str, ...]) -> FloatArray:
    """Return shape (n, len(columns)): what was derived of a column is added to it."""
    out = parts[:, : len(columns)].copy()
    for place in range(len(columns), len(names)):
        name = names[place]
        source = WINDOWS[name][0] if name in WINDOWS else name.removeprefix(NEAR)
        out[:, columns.index(source)] += parts[:, place]
    return out
