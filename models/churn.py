"""Lapse risk: the probability that an account buys nothing within the horizon.

Logistic regression and trees learn who lapses, from the frame and from what a purchase process
(BG/NBD) makes of each account's pace. Each past day has a level of its own; the level of the day
to score comes from ``models.season``. A mean of log-odds blends the logistic, the process alone and
the trees, so that the parts of an explanation still add up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit, logit

from lifecycle.errors import DataError, ModelError, NotEnoughHistoryError
from models.base import (
    Examples,
    Explanation,
    FloatArray,
    ScoreModel,
    Unit,
    check_fitted,
    check_horizon,
)
from models.baselines import BaseRate
from models.blend import Level, learn_level, purchase_slope
from models.clv.parametric import ParametricLapse
from models.columns import Frame
from models.logistic import Logistic
from models.matrix import Layout
from models.parts import read_part, write_part
from models.season import SEASON_COLUMNS
from models.tellings import GROUPS, PROCESS_COLUMN, sum_groups
from models.trees import Growth, Trees

MODEL_PART, TREES_PART = "lapse.json", "trees.txt"
RULES: Mapping[str, tuple[str, ...]] = {
    "recency_rule": ("recency_days",),
    "overdue_rule": ("recency_days", "overdue_ratio"),
}
FEWEST_EVENTS = {
    "recency_rule": 10, "overdue_rule": 10, "logistic": 30, "pace": 30, "blend": 30, "trees": 150,
}  # fmt: skip
SOME_EVENTS, MANY_EVENTS = 150, 500
SEASON_MEASURE = "purchase_days_{n}d_count"
GROWTH = Growth("binary", rounds=140, rate=0.05)


@dataclass(frozen=True)
class Shares:
    """What each member has in the mean of log-odds; the three add up to 1."""

    linear: float
    pace: float
    trees: float


class LapseModel:
    """One family of lapse models, from a rule on recency to the blend.

    Parameters
    ----------
    kind
        ``recency_rule``, ``overdue_rule``, ``logistic``, ``trees``, ``pace`` (logistic
        and purchase process) or ``blend`` (logistic, process and trees).
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "blend") -> None:
        if kind not in FEWEST_EVENTS:
            raise ModelError(f"a lapse model {kind!r}", f"one of {sorted(FEWEST_EVENTS)}")
        self.kind = kind
        self.name = kind if kind in RULES else f"lapse_{kind}"
        self.horizon_days = 0
        self._shares = Shares(1.0, 0.0, 0.0)
        self._layout = Layout((), {})
        self._logistic: Logistic | None = None
        self._pace: Logistic | None = None
        self._trees: Trees | None = None
        self._process: ParametricLapse | None = None
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
        self.horizon_days = examples.horizon_days
        self._layout = self._choose_columns(examples.frame)
        self._process = None if self.kind in RULES else _fit_process(examples)
        self._shares = self._choose_shares(events)
        levels = self._learn(examples, self._matrix(examples.frame))
        slope = -purchase_slope(float(1.0 - examples.label.mean()))
        measure = None if self.kind in RULES else SEASON_MEASURE
        self._level = learn_level(examples, levels, slope=slope, measure=measure)
        return self

    def _learn(self, examples: Examples, matrix: FloatArray) -> dict[np.datetime64, float]:
        """Fit all members; return the mixed level of each past day."""
        days, place = np.unique(examples.as_of, return_inverse=True)
        if self.kind in RULES:
            days, place = days[-1:], np.zeros(len(place), dtype=np.intp)
        by_day = place.astype(np.float64)
        sizes = self._text_sizes()
        self._logistic, levels = Logistic.fit(matrix, examples.label, place=by_day, text=sizes)
        mixed = levels
        if self._shares.pace > 0:
            pace = matrix[:, -1:]
            self._pace, other = Logistic.fit(pace, examples.label, place=by_day, text={})
            mixed = (1.0 - self._shares.pace) * levels + self._shares.pace * other
        if self._shares.trees > 0:
            offset = levels[place]
            self._trees = Trees.grow(matrix, examples.label, growth=GROWTH, offset=offset)
        return dict(zip(days, mixed.tolist(), strict=True))

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(no purchase within the horizon), shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks columns of the fit.
        ModelError
            Another horizon than that of the fit, or no fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        matrix = self._matrix(frame)
        raw = np.zeros(len(matrix))
        if self._shares.linear > 0:
            raw += self._shares.linear * self._linear().raw(matrix)
        if self._pace is not None:
            raw += self._shares.pace * self._pace.raw(matrix[:, -1:])
        if self._trees is not None:
            raw += self._shares.trees * self._trees.raw(matrix)
        return np.asarray(expit(raw + self._level.base + self._level.season(frame)))

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds by business group: centred terms of the logistic, TreeSHAP of trees."""
        matrix = self._matrix(frame)
        parts = self._shares.linear * self._linear().contributions(matrix)
        base = self._level.base
        if self._pace is not None:
            parts[:, -1:] += self._shares.pace * self._pace.contributions(matrix[:, -1:])
        if self._trees is not None:
            shap, start = self._trees.contributions(matrix)
            share = self._shares.trees
            parts, base = parts + share * shap, base + share * start
        groups = sum_groups((*self._layout.columns, PROCESS_COLUMN)[: matrix.shape[1]], parts)
        groups[:, GROUPS.index("season")] += self._level.season(frame)
        return Explanation(base, GROUPS, groups, "logit")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part, and the trees as LightGBM text if there are any."""
        kept = {
            "kind": self.kind,
            "horizon_days": self.horizon_days,
            "shares": [self._shares.linear, self._shares.pace, self._shares.trees],
            "pace": self._pace.to_json() if self._pace else None,
            "process": self._process is not None,
            "layout": self._layout.to_json(),
            "logistic": self._linear().to_json(),
            "level": self._level.to_json(),
        }
        parts = {MODEL_PART: write_part(kept)}
        if self._trees is not None:
            parts[TREES_PART] = self._trees.text.encode()
        return parts | (self._process.to_parts() if self._process else {})

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
            model.horizon_days, model._shares = int(kept["horizon_days"]), Shares(*kept["shares"])
            model._layout = Layout.from_json(kept["layout"])
            model._logistic = Logistic.from_json(kept["logistic"])
            model._level = Level.from_json(kept["level"])
            model._process = ParametricLapse.from_parts(parts) if kept["process"] else None
            model._pace = Logistic.from_json(kept["pace"]) if kept["pace"] else None
            if model._shares.trees > 0:
                model._trees = Trees(parts[TREES_PART].decode())
        return model

    def _matrix(self, frame: Frame) -> FloatArray:
        matrix = self._layout.matrix(frame)
        if self._process is None:
            return matrix
        if frame.num_rows == 0:
            return np.empty((0, matrix.shape[1] + 1))
        risk = self._process.predict(frame, horizon_days=self.horizon_days)
        return np.column_stack([matrix, logit(risk)])

    def _choose_shares(self, events: float) -> Shares:
        """Give every member its share; trees need many events, the pace a fitted process."""
        trees, pace = 0.0, 0.0
        if self.kind == "trees":
            trees = 1.0
        elif self.kind == "blend" and events >= SOME_EVENTS:
            trees = 1 / 3 if events >= MANY_EVENTS else 0.2
        if self.kind in ("pace", "blend") and self._process is not None:
            pace = (1.0 - trees) / 2
        return Shares(1.0 - trees - pace, pace, trees)

    def _choose_columns(self, frame: Frame) -> Layout:
        if self.kind in RULES:
            return Layout.learn(frame.select(list(RULES[self.kind])))
        return Layout.learn(frame, without=SEASON_COLUMNS)

    def _text_sizes(self) -> dict[int, int]:
        columns = self._layout.columns
        return {columns.index(name): len(self._layout.words[name]) for name in self._layout.words}

    def _linear(self) -> Logistic:
        return check_fitted(self._logistic, self.name)


def _fit_process(examples: Examples) -> ParametricLapse | None:
    """Fit BG/NBD as one more column; a company too small for it does without."""
    try:
        return ParametricLapse("bg_nbd").fit(examples)
    except (DataError, ModelError):
        return None


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
    lambda: LapseModel("pace"),
    lambda: LapseModel("blend"),
)
"""Lapse candidates, from the simplest to the richest."""
