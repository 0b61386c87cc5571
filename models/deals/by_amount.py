"""Calibration by amount: expected money shall be the money won, for large deals as for small ones.

The log-odds of what was predicted on past origins are moved by an intercept, a slope, and the log
of the amount (its level among those origins' deals), held at "no change". A few large deals are
much of the money and little of the log loss, so the next origin's log loss alone cannot choose: the
move is made where either log loss falls there or expected money comes nearer, on average.
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
    """What was decided: the map, by how much log loss fell on unseen origins, and why.

    Attributes
    ----------
    money_off, money_off_moved
        Mean share by which expected money lay off that won, unsigned, as it was and moved, by the
        amounts shown on the day; None where nothing with an amount was won.
    """

    by_amount: ByAmount
    gain: float
    gain_se: float
    text: str
    money_off: float | None = None
    money_off_moved: float | None = None


@dataclass(frozen=True)
class Judged:
    """What was predicted of one past origin's deals, what happened (0 or 1), and their amounts.

    All of shape (n,); amounts in minor units, NaN where unknown.
    """

    chance: FloatArray
    won: FloatArray
    amount: FloatArray


def choose_by_amount(past: Mapping[date, Judged]) -> AmountChoice:
    """Choose by the next origin's money and log loss.

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
    tried = [_try(past, origins, place) for place in range(1, len(origins))]
    gains = np.array([one.gain for one in tried])
    gain, spread = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
    told = f"log loss {-gain:+.4f} ± {spread:.4f}"
    money = [one for one in tried if one.won_minor > 0]
    off = moved = None
    if money:
        off = float(np.mean([abs(one.expected_minor / one.won_minor - 1.0) for one in money]))
        moved = float(np.mean([abs(one.moved_minor / one.won_minor - 1.0) for one in money]))
        told += f", money off by {off:.1%} as it was, {moved:.1%} moved"
    nearer = off is not None and moved is not None and moved < off
    if gain <= 0 and not nearer:
        return AmountChoice(ByAmount(), gain, spread, f"none by amount: {told}", off, moved)
    made = fit_by_amount([past[day] for day in origins])
    return AmountChoice(made, gain, spread, f"by amount: {told}", off, moved)


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


@dataclass(frozen=True)
class _Tried:
    """What a move learned before an origin would have done there: log loss saved, and money."""

    gain: float
    won_minor: float
    expected_minor: float
    moved_minor: float


def _try(past: Mapping[date, Judged], origins: Sequence[date], place: int) -> _Tried:
    made, day = fit_by_amount([past[one] for one in origins[:place]]), past[origins[place]]
    moved, amount = made.apply(day.chance, day.amount), np.nan_to_num(day.amount)
    before, after = (
        accuracy.log_loss(day.won, np.clip(one, EDGE, 1.0 - EDGE)) for one in (day.chance, moved)
    )
    sums = (float(one @ amount) for one in (day.won, day.chance, moved))
    return _Tried(float(before - after), *sums)
