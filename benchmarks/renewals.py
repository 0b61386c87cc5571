"""Worlds of renewals that follow a known beta-discrete-Weibull, and what they are worth.

3,000 (or 400) contracts begin evenly over eight years and renew yearly; the last five years were
watched, so older contracts enter at their age (left truncation). What is estimated: discounted
expected renewals of those still alive, ten years ahead at 10 % a year, against the true curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.clv.contract.profile import profile_interval
from models.clv.contract.spells import Spells, build_spells
from models.clv.contract.survival import Survival, choose_survival, fit_survival

FloatArray = NDArray[np.float64]
AHEAD = np.arange(1, 11)
DISCOUNT = 1.10 ** -AHEAD.astype(float)
BEGUN_YEARS, WATCHED_YEARS = 8, 5
TRUTHS: Mapping[str, Survival] = {
    "heterogeneous": Survival(0.668, 3.806, 1.0, free_pace=True),
    "falling risk": Survival(0.668, 3.806, 0.75, free_pace=True),
    "rising risk": Survival(0.668, 3.806, 1.35, free_pace=True),
    "all alike": Survival(800.0, 4558.0, 1.0, free_pace=True),
}


@dataclass(frozen=True)
class Base:
    """Lives as watched, and the ages (years) of those alive today, shape (m,)."""

    spells: Spells
    alive: FloatArray


def draw_base(truth: Survival, size: int, rng: np.random.Generator) -> Base:
    """Draw contracts whose lives follow ``truth``."""
    begun = rng.integers(1, BEGUN_YEARS + 1, size=size).astype(float)  # years ago
    curve = truth.survival(np.arange(0, 400))
    life = np.searchsorted(-curve, -rng.random(size), side="left") - 1.0  # renewals survived
    before = np.maximum(begun - WATCHED_YEARS, 0.0)
    seen = life >= before
    ended = life < begun
    watched = build_spells(before[seen], np.minimum(life, begun)[seen], ended[seen])
    return Base(watched, begun[seen & ~ended])


def value_base(curve: Survival, alive: FloatArray) -> float:
    """Return discounted expected renewals of a base."""
    ages = alive[:, None]
    kept = np.exp(curve.log_survival(ages + AHEAD) - curve.log_survival(ages))
    return float((kept @ DISCOUNT).sum())


def value_flat(base: Base) -> float:
    """Return the textbook's: one churn rate for all, (1 - churn)^k."""
    spells = base.spells
    at_risk = float((spells.exit - spells.entry + spells.ended).sum())
    churn = spells.ends / at_risk
    return float(len(base.alive) * ((1.0 - churn) ** AHEAD @ DISCOUNT))


def study(truth: Survival, *, size: int, seeds: range) -> dict[str, float]:
    """Return mean bias over seeds of the flat rate, sBG, BdW and the one chosen by AIC."""
    found: dict[str, list[float]] = {name: [] for name in ("flat", "sbg", "bdw", "chosen")}
    for seed in seeds:
        base = draw_base(truth, size, np.random.default_rng([seed, size]))
        actual = value_base(truth, base.alive)
        both = choose_survival(base.spells)
        values = {fit.name: value_base(fit, base.alive) for fit in both}
        values |= {"chosen": value_base(both[0], base.alive), "flat": value_flat(base)}
        for name, value in values.items():
            found[name].append(value / actual - 1.0)
    return {name: float(np.mean(errors)) for name, errors in found.items()}


def cover_parameters(truth: Survival, *, size: int, seeds: range) -> dict[str, float]:
    """Return how often each parameter lies in its 95 % interval of the BdW fit."""
    hits = {"a": 0, "b": 0, "c": 0}
    for seed in seeds:
        base = draw_base(truth, size, np.random.default_rng([seed, size, 1]))
        fit = fit_survival(base.spells, free_pace=True)
        for name, (low, high) in profile_interval(fit, base.spells).items():
            hits[name] += low <= getattr(truth, name) <= high
    return {name: count / len(seeds) for name, count in hits.items()}
