"""Lapse risk: the probability that an account buys nothing within the horizon.

Logistic regression and trees learn who lapses, each past day with a level of its own; the level
of the day to score comes from ``models.season``. A mean of log-odds blends the two, so that the
parts of an explanation still add up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Self

import numpy as np
import pyarrow as pa
from scipy.special import expit

from lifecycle.errors import BundleError, ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, ScoreModel, Unit, check_horizon
from models.baselines import BaseRate
from models.blend import Level, learn_level, purchase_slope
from models.clv.parametric import ParametricLapse
from models.logistic import Logistic
from models.matrix import Layout
from models.reasons import GROUPS, sum_groups
from models.season import SEASON_COLUMNS
from models.trees import Growth, Trees

MODEL_PART, TREES_PART = "lapse.json", "trees.txt"
RULES: Mapping[str, tuple[str, ...]] = {
    "recency_rule": ("recency_days",),
    "overdue_rule": ("recency_days", "overdue_ratio"),
}
LEARNED = ("logistic", "trees", "blend")
FEWEST_EVENTS = {"recency_rule": 10, "overdue_rule": 10, "logistic": 30, "blend": 30, "trees": 150}
SOME_EVENTS, MANY_EVENTS = 150, 500
SEASON_MEASURE = "purchase_days_{n}d_count"
GROWTH = Growth("binary", rounds=140, rate=0.05)


class LapseModel:
    """One family of lapse models, from a rule on recency to the blend.

    Parameters
    ----------
    kind
        ``recency_rule``, ``overdue_rule``, ``logistic``, ``trees`` or ``blend``.
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "blend") -> None:
        if kind not in FEWEST_EVENTS:
            raise ModelError(f"a lapse model {kind!r}", f"one of {sorted(FEWEST_EVENTS)}")
        self.kind = kind
        self.name = kind if kind in RULES else f"lapse_{kind}"
        self.horizon_days = 0
        self._share = 0.0
        self._layout = Layout((), {})
        self._logistic: Logistic | None = None
        self._trees: Trees | None = None
        self._level = Level.flat()

    def fit(self, examples: Examples) -> Self:
        """Learn from past days; the share of trees grows with the number of events.

        Raises
        ------
        NotEnoughHistoryError
            Fewer independent lapses, or purchases, than this kind needs.
        """
        events = count_events(examples)
        if events < FEWEST_EVENTS[self.kind]:
            raise NotEnoughHistoryError(
                f"{self.name}: {events:.0f} independent lapses or purchases",
                f"{FEWEST_EVENTS[self.kind]} or more",
                "ingest a longer history, or let a simpler candidate serve",
            )
        self.horizon_days, self._share = examples.horizon_days, self._share_of_trees(events)
        self._layout = self._choose_columns(examples.frame)
        matrix = self._layout.matrix(examples.frame)
        days, place = np.unique(examples.as_of, return_inverse=True)
        if self.kind in RULES:
            days, place = days[-1:], np.zeros(len(place), dtype=np.intp)
        self._logistic, levels = Logistic.fit(
            matrix, examples.label, place=place.astype(np.float64), text=self._text_sizes()
        )
        if self._share > 0:
            self._trees = Trees.grow(matrix, examples.label, growth=GROWTH, offset=levels[place])
        slope = -purchase_slope(float(1.0 - examples.label.mean()))
        by_day = dict(zip(days, levels.tolist(), strict=True))
        seasonal = self.kind not in RULES
        self._level = learn_level(
            examples, by_day, slope=slope, measure=SEASON_MEASURE if seasonal else None
        )
        return self

    def predict(self, frame: pa.Table, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(no purchase within the horizon), shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        matrix = self._layout.matrix(frame)
        raw = np.zeros(len(matrix))
        if self._share < 1:
            raw += (1.0 - self._share) * self._linear().raw(matrix)
        if self._trees is not None:
            raw += self._share * self._trees.raw(matrix)
        return np.asarray(expit(raw + self._level.base + self._level.season(frame)))

    def explain(self, frame: pa.Table) -> Explanation:
        """Return log-odds by business group: centred terms of the logistic, TreeSHAP of trees."""
        matrix = self._layout.matrix(frame)
        parts = (1.0 - self._share) * self._linear().contributions(matrix)
        base = self._level.base
        if self._trees is not None:
            shap, start = self._trees.contributions(matrix)
            parts, base = parts + self._share * shap, base + self._share * start
        groups = sum_groups(self._layout.columns, parts)
        groups[:, GROUPS.index("season")] += self._level.season(frame)
        return Explanation(base, GROUPS, groups, "logit")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and the trees as LightGBM text if there are any."""
        kept = {
            "kind": self.kind,
            "horizon_days": self.horizon_days,
            "share": self._share,
            "layout": self._layout.to_json(),
            "logistic": self._linear().to_json(),
            "level": self._level.to_json(),
        }
        parts = {MODEL_PART: json.dumps(kept, sort_keys=True).encode()}
        if self._trees is not None:
            parts[TREES_PART] = self._trees.text.encode()
        return parts

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``; it predicts the same bits.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        try:
            kept = json.loads(parts[MODEL_PART])
            model = cls(kept["kind"])
            model.horizon_days, model._share = int(kept["horizon_days"]), float(kept["share"])
            model._layout = Layout.from_json(kept["layout"])
            model._logistic = Logistic.from_json(kept["logistic"])
            model._level = Level.from_json(kept["level"])
            if model._share > 0:
                model._trees = Trees(parts[TREES_PART].decode())
        except (KeyError, TypeError, ValueError, ModelError) as error:
            raise BundleError(f"lapse model is wrong: {error}", "the parts of a fit") from error
        return model

    def _share_of_trees(self, events: float) -> float:
        if self.kind == "trees":
            return 1.0
        if self.kind != "blend" or events < SOME_EVENTS:
            return 0.0
        return 0.5 if events >= MANY_EVENTS else 0.3

    def _choose_columns(self, frame: pa.Table) -> Layout:
        if self.kind in RULES:
            return Layout.learn(frame.select(list(RULES[self.kind])))
        return Layout.learn(frame, without=SEASON_COLUMNS)

    def _text_sizes(self) -> dict[int, int]:
        columns = self._layout.columns
        return {columns.index(name): len(self._layout.words[name]) for name in self._layout.words}

    def _linear(self) -> Logistic:
        if self._logistic is None:
            raise ModelError(f"{self.name} is not fitted", "a fitted model", "call fit first")
        return self._logistic


def count_events(examples: Examples) -> float:
    """Return how many independent outcomes of the rarer kind the examples hold.

    Windows of neighbouring days overlap; an account's outcome counts once per horizon, not once
    per day.
    """
    if len(examples.label) == 0:
        return 0.0
    days = np.unique(examples.as_of).astype("datetime64[D]")
    span = float((days[-1] - days[0]).astype(int)) + examples.horizon_days
    overlap = max(1.0, len(days) * examples.horizon_days / span)
    rarer = min(examples.label.sum(), len(examples.label) - examples.label.sum())
    return float(rarer) / overlap


LAPSE_RULES = frozenset({"base_rate", *RULES})
"""Names of the candidates that are rules, not fitted models."""

LAPSE_CANDIDATES: tuple[Callable[[], ScoreModel], ...] = (
    BaseRate,
    lambda: LapseModel("recency_rule"),
    lambda: LapseModel("overdue_rule"),
    lambda: ParametricLapse("bg_nbd"),
    lambda: ParametricLapse("pareto_nbd"),
    lambda: LapseModel("logistic"),
    lambda: LapseModel("trees"),
    lambda: LapseModel("blend"),
)
"""Lapse candidates, from the simplest to the richest."""
