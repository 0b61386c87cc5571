"""Making probabilities mean what they say, only where past origins show that it helps.

Candidates: leave as is; Platt on the log-odds (2 parameters); beta (ln p and -ln(1 - p), 3
parameters; Kull, Silva Filho and Flach 2017). Each is fitted on predictions as they were made on
earlier origins and judged on the next; it is kept only when log loss improves by more than one
standard error. A blend fitted by log loss seldom needs any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, Self

import numpy as np
from scipy.special import expit, logit

from models import accuracy
from models.base import Examples, Explanation, FloatArray, ScoreModel, Unit
from models.classes import load_class
from models.columns import Frame
from models.parts import read_part, write_part

Kind = Literal["none", "platt", "beta"]
PART = "calibration.json"
GROUP = "calibration"
EDGE = 1e-9
RIDGE = 1e-3
STEPS = 50
FEWEST_JUDGED = 2


@dataclass(frozen=True)
class Calibration:
    """A map from a probability to a probability: intercept, weight of ln p, of -ln(1 - p)."""

    kind: Kind
    weights: tuple[float, float, float] = (0.0, 1.0, 1.0)

    def log_odds(self, risk: FloatArray) -> FloatArray:
        """Return calibrated log-odds of probabilities, shape (n,).

        Examples
        --------
        >>> Calibration("none").log_odds(np.array([0.5])).tolist()
        [0.0]
        """
        return np.asarray(_design(risk) @ np.array(self.weights))

    def apply(self, risk: FloatArray) -> FloatArray:
        """Return calibrated probabilities, shape (n,)."""
        return risk if self.kind == "none" else np.asarray(expit(self.log_odds(risk)))


@dataclass(frozen=True)
class Choice:
    """What was decided: the calibration, by how much log loss fell on unseen origins, and why."""

    calibration: Calibration
    gain: float
    gain_se: float
    text: str


def fit_calibration(kind: Kind, risk: FloatArray, lapsed: FloatArray) -> Calibration:
    """Fit by maximum likelihood, held lightly at "no change" so that few cases cannot run away.

    Parameters
    ----------
    kind
        Platt holds both weights equal.
    risk, lapsed
        Shape (n,): predictions as they were made, and what happened (0 or 1).
    """
    if kind == "none":
        return Calibration("none")
    design = _design(risk)
    if kind == "platt":
        design = np.column_stack([design[:, 0], design[:, 1] + design[:, 2]])
    prior = np.array([0.0, *np.ones(design.shape[1] - 1)])
    weights = prior.copy()
    for _ in range(STEPS):
        now = expit(design @ weights)
        slope = design.T @ (lapsed - now) - RIDGE * (weights - prior)
        bend = (design * (now * (1 - now))[:, None]).T @ design + RIDGE * np.eye(len(prior))
        step = np.linalg.solve(bend, slope)
        weights = weights + np.clip(step, -1.0, 1.0)
        if float(np.abs(step).max()) < 1e-9:
            break
    values = [float(w) for w in weights]
    return Calibration(kind, (values[0], values[1], values[-1]))


def choose_calibration(
    risks: Mapping[date, FloatArray], outcomes: Mapping[date, FloatArray]
) -> Choice:
    """Choose by the next origin's log loss; "none" unless something beats it clearly.

    Parameters
    ----------
    risks
        By past origin, the probabilities predicted there.
    outcomes
        By the same origins, 1.0 where the account lapsed.

    Returns
    -------
    Choice
        With the calibration fitted on all origins.
    """
    origins = sorted(risks)
    if len(origins) - 1 < FEWEST_JUDGED:
        return Choice(Calibration("none"), 0.0, 0.0, "too few past origins to judge a calibration")
    found = {kind: _gains(kind, origins, risks, outcomes) for kind in ("platt", "beta")}
    best: Kind = "platt" if found["platt"].mean() >= found["beta"].mean() else "beta"
    gain = float(found[best].mean())
    spread = float(found[best].std(ddof=1) / np.sqrt(len(found[best])))
    if gain <= spread or gain <= 0:
        text = f"none: the best change ({best}) gained {gain:+.4f} ± {spread:.4f} log loss"
        return Choice(Calibration("none"), gain, spread, text)
    every = fit_calibration(best, *_pool(origins, risks, outcomes))
    return Choice(every, gain, spread, f"{best}: log loss {gain:.4f} ± {spread:.4f} lower")


class CalibratedLapse:
    """A lapse model with a calibration on top; its own line in every explanation."""

    unit: Unit = "probability"

    def __init__(self, inner: ScoreModel, calibration: Calibration) -> None:
        self.inner, self.calibration = inner, calibration
        self.name = inner.name

    def fit(self, examples: Examples) -> Self:
        """Fit the inner model; the calibration stays as chosen on past origins."""
        self.inner = self.inner.fit(examples)
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return calibrated P(no purchase within the horizon), shape (n,)."""
        return self.calibration.apply(self.inner.predict(frame, horizon_days=horizon_days))

    def explain(self, frame: Frame) -> Explanation:
        """Return the inner explanation with what calibration moved, in log-odds."""
        why = self.inner.explain(frame)
        before = why.base + why.contributions.sum(axis=1)
        moved = np.zeros(len(before))
        if self.calibration.kind != "none":
            # a second prediction costs as much as all else here; lapse keeps the bits it had
            known = why.route != "non_contractual"
            risk = np.asarray(expit(before)) if known else self.inner.predict(frame)
            moved = self.calibration.log_odds(risk) - before
        parts = np.column_stack([why.contributions, moved])
        return replace(why, groups=(*why.groups, GROUP), contributions=parts)

    def to_parts(self) -> dict[str, bytes]:
        """Return the inner parts and one JSON part of the calibration."""
        kept = {
            "kind": self.calibration.kind,
            "weights": self.calibration.weights,
            "inner": type(self.inner).__name__,
        }
        return {**self.inner.to_parts(), PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            A part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            inner: ScoreModel = load_class(str(kept["inner"])).from_parts(parts)
            first, left, right = (float(weight) for weight in kept["weights"])
            return cls(inner, Calibration(kept["kind"], (first, left, right)))


def _design(risk: FloatArray) -> FloatArray:
    held = np.clip(risk, EDGE, 1.0 - EDGE)
    odds = logit(held)
    # ln p and -ln(1 - p) add up to the log-odds, so weights (0, 1, 1) change nothing
    return np.column_stack([np.ones(len(held)), np.log(held), odds - np.log(held)])


def _pool(
    origins: Sequence[date],
    risks: Mapping[date, FloatArray],
    outcomes: Mapping[date, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    return (
        np.concatenate([risks[day] for day in origins]),
        np.concatenate([outcomes[day] for day in origins]),
    )


def _gains(
    kind: str,
    origins: Sequence[date],
    risks: Mapping[date, FloatArray],
    outcomes: Mapping[date, FloatArray],
) -> FloatArray:
    gains = []
    for place in range(1, len(origins)):
        past = _pool(origins[:place], risks, outcomes)
        made = fit_calibration("platt" if kind == "platt" else "beta", *past)
        day = origins[place]
        before = accuracy.log_loss(outcomes[day], risks[day])
        gains.append(before - accuracy.log_loss(outcomes[day], made.apply(risks[day])))
    return np.array(gains)
