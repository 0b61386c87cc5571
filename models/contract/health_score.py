"""The scorecard a customer-success team keeps by hand, so that a model's gain over it is visible.

Six parts, each from 0 (bad) to 1 (good), with weights set beforehand, make a score of 0 to 100;
what is unknown counts one half. A logistic of the score alone makes a probability of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit

from lifecycle.errors import NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_horizon
from models.columns import Frame, read_numbers
from models.contract.telling import GROUPS
from models.parts import read_part, write_part

PART = "health_score.json"
FEWEST_EVENTS = 10.0
UNKNOWN = 0.5
RIDGE = 1e-4
STEPS = 50


@dataclass(frozen=True)
class Part:
    """One part of the scorecard: a column from ``bad`` (0) to ``good`` (1), in points."""

    column: str
    group: str
    bad: float
    good: float
    points: float


CARD = (
    Part("seat_use_84d_ratio", "usage", 0.0, 0.8, 30.0),
    Part("events_28d_84d_log", "trend", -0.7, 0.3, 20.0),
    Part("severe_tickets_90d_count", "support", 3.0, 0.0, 15.0),
    Part("nps_score", "survey", 2.0, 9.0, 15.0),
    Part("late_365d_count", "billing", 3.0, 0.0, 10.0),
    Part("meeting_age_days", "relationship", 300.0, 60.0, 10.0),
)
"""Weights as scorecards usually set them: use first, then its trend, support, survey, payment."""


class HealthScore:
    """A hand-weighted health score of 0 to 100, mapped to the probability of leaving."""

    unit: Unit = "probability"
    name = "health_score"

    def __init__(self) -> None:
        self.horizon_days = 0
        self._base, self._slope = 0.0, 0.0
        self._typical = [UNKNOWN] * len(CARD)

    def fit(self, examples: Examples) -> Self:
        """Learn what a point is worth; the weights stay as they are.

        Raises
        ------
        NotEnoughHistoryError
            Fewer than ten rows whose account left, or stayed.
        """
        left = float(examples.label.sum())
        rarer = min(left, len(examples.label) - left)
        if rarer < FEWEST_EVENTS:
            raise NotEnoughHistoryError(
                f"{self.name}: {rarer:.0f} rows of the rarer outcome",
                f"{FEWEST_EVENTS:.0f} or more",
                "ingest a longer history",
            )
        self.horizon_days = examples.horizon_days
        parts = build_card(examples.frame)
        self._typical = [float(one) for one in parts.mean(axis=0)]
        points = ((parts - self._typical) * _points()).sum(axis=1)
        self._base, self._slope = _fit_line(points, examples.label)
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return P(decision to leave within the horizon), shape (n,).

        Raises
        ------
        ModelError
            Another horizon than that of the fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        return np.asarray(expit(self._base + self._parts(frame).sum(axis=1)))

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds by part of the scorecard, against a typical account's."""
        parts, sums = self._parts(frame), np.zeros((frame.num_rows, len(GROUPS)))
        for place, part in enumerate(CARD):
            sums[:, GROUPS.index(part.group)] += parts[:, place]
        columns = tuple(part.column for part in CARD)
        return Explanation(
            self._base, GROUPS, sums, "logit", route="contractual", columns=columns, parts=parts
        )

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {
            "horizon_days": self.horizon_days,
            "base": self._base,
            "slope": self._slope,
            "typical": self._typical,
        }
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            model = cls()
            model.horizon_days = int(kept["horizon_days"])
            model._base, model._slope = float(kept["base"]), float(kept["slope"])
            model._typical = [float(one) for one in kept["typical"]]
        return model

    def _parts(self, frame: Frame) -> FloatArray:
        return np.asarray((build_card(frame) - self._typical) * _points() * self._slope)


def build_card(frame: Frame) -> FloatArray:
    """Build the parts of the scorecard, shape (n, 6), each from 0 (bad) to 1 (good)."""
    out = np.full((frame.num_rows, len(CARD)), UNKNOWN)
    for place, part in enumerate(CARD):
        if part.column in frame.column_names:
            value = read_numbers(frame, part.column)
            share = np.clip((value - part.bad) / (part.good - part.bad), 0.0, 1.0)
            out[:, place] = np.where(np.isfinite(share), share, UNKNOWN)
    return out


def _points() -> FloatArray:
    return np.array([part.points for part in CARD])


def _fit_line(points: FloatArray, label: FloatArray) -> tuple[float, float]:
    """Return intercept and slope of a logistic of one feature, by Newton's method."""
    design = np.column_stack([np.ones(len(points)), points])
    weights = np.array([np.log(label.mean() / (1.0 - label.mean())), 0.0])
    for _ in range(STEPS):
        risk = expit(design @ weights)
        bend = (design * (risk * (1.0 - risk))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.clip(np.linalg.solve(bend, design.T @ (label - risk)), -1.0, 1.0)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-10:
            break
    return float(weights[0]), float(weights[1])
