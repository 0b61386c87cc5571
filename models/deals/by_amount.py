"""Whether large deals are won as often as said: a correction by amount, where the past asks it.

The log-odds of what was predicted on past origins are moved by an intercept, a slope, and the log
of the amount (its level among those origins' deals). Fitted on earlier origins, judged on the next;
kept only when log loss improves there by more than one standard error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
from scipy.special import expit, logit

from models import accuracy
from models.base import FloatArray
from models.deals.ridge import solve_logistic

EDGE = 1e-9
FEWEST_JUDGED = 2
HELD = 5.0
FARTHEST = 3.0


@dataclass(frozen=True)
class ByAmount:
    """A map from a chance and an amount to a chance.

    Attributes
    ----------
    weights
        Of log-odds, of the log amount's standard score, of both together, and the intercept.
    centre, spread
        Of log amounts (minor units).
    """

    weights: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    centre: float = 0.0
    spread: float = 1.0

    @property
    def changes(self) -> bool:
        """Return whether it moves anything."""
        return self.weights != (1.0, 0.0, 0.0, 0.0)

    def log_odds(self, odds: FloatArray, amount: FloatArray) -> FloatArray:
        """Return moved log-odds, shape (n,).

        Parameters
        ----------
        odds
            Shape (n,), log-odds as predicted.
        amount
            Shape (n,), minor units; where NaN or not positive a deal counts as of usual size.
        """
        if not self.changes:
            return odds
        return np.asarray(self._design(odds, amount) @ np.array(self.weights))

    def apply(self, chance: FloatArray, amount: FloatArray) -> FloatArray:
        """Return moved chances, shape (n,); the same bits where nothing is moved."""
        if not self.changes:
            return chance
        return np.asarray(expit(self.log_odds(logit(np.clip(chance, EDGE, 1 - EDGE)), amount)))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"weights": list(self.weights), "centre": self.centre, "spread": self.spread}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        slope, size, both, level = (float(one) for one in data["weights"])
        return cls((slope, size, both, level), float(data["centre"]), float(data["spread"]))

    def _design(self, odds: FloatArray, amount: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            score = (np.log(amount) - self.centre) / self.spread
        size = np.clip(np.nan_to_num(score, posinf=0.0, neginf=0.0), -FARTHEST, FARTHEST)
        return np.column_stack([odds, size, odds * size, np.ones(len(odds))])


@dataclass(frozen=True)
class AmountChoice:
    """What was decided: the map, by how much log loss fell on unseen origins, and why."""

    by_amount: ByAmount
    gain: float
    gain_se: float
    text: str


@dataclass(frozen=True)
class Judged:
    """What was predicted of one past origin's deals, what happened (0 or 1), and their amounts.

    All of shape (n,); amounts in minor units, NaN where unknown.
    """

    chance: FloatArray
    won: FloatArray
    amount: FloatArray


def choose_by_amount(past: Mapping[date, Judged]) -> AmountChoice:
    """Choose by the next origin's log loss; nothing is moved unless it clearly helps.

    Parameters
    ----------
    past
        By past origin, predictions as they were made there (calibrated, if that is served).

    Returns
    -------
    AmountChoice
        With the map fitted on all origins.
    """
    origins = sorted(past)
    if len(origins) - 1 < FEWEST_JUDGED:
        return AmountChoice(ByAmount(), 0.0, 0.0, "too few past origins to judge by amount")
    gains = np.array([_gain(past, origins, place) for place in range(1, len(origins))])
    gain, spread = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    if gain <= spread or gain <= 0:
        text = f"none: by amount log loss changed by {-gain:+.4f} ± {spread:.4f}"
        return AmountChoice(ByAmount(), gain, spread, text)
    made = fit_by_amount([past[day] for day in origins])
    return AmountChoice(made, gain, spread, f"by amount: log loss {gain:.4f} ± {spread:.4f} lower")


def fit_by_amount(past: Sequence[Judged]) -> ByAmount:
    """Fit by maximum likelihood, held at "no change" so that few cases cannot run away."""
    chance, won, amount = (
        np.concatenate([getattr(one, name) for one in past]) for name in ("chance", "won", "amount")
    )
    known = amount[amount > 0]
    if not len(known):
        return ByAmount()
    logs = np.log(known)
    made = ByAmount(centre=float(logs.mean()), spread=float(max(logs.std(), 1e-6)))
    design = made._design(logit(np.clip(chance, EDGE, 1.0 - EDGE)), amount)
    prior = np.array([1.0, 0.0, 0.0, 0.0])
    found = solve_logistic(
        design, won, weight=np.ones(len(won)), penalty=np.full(4, HELD), prior=prior
    )
    slope, size, both, level = (float(one) for one in found)
    return ByAmount((slope, size, both, level), made.centre, made.spread)


def _gain(past: Mapping[date, Judged], origins: Sequence[date], place: int) -> float:
    made, day = fit_by_amount([past[one] for one in origins[:place]]), past[origins[place]]
    before = accuracy.log_loss(day.won, np.clip(day.chance, EDGE, 1.0 - EDGE))
    moved = np.clip(made.apply(day.chance, day.amount), EDGE, 1.0 - EDGE)
    return float(before - accuracy.log_loss(day.won, moved))
