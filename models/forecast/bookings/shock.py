"""The common shock on winning: filtered from weekly wins against what was expected of them.

Wins that become known in a week are Poisson around expected wins times exp(x), and x is an AR(1)
process that is partly reset where a quarter begins, because the models are fitted anew there. One
extended Kalman step a week gives its posterior. Memory, reset and size are chosen by likelihood
times a prior (sd .15), because a few years say little. Analogue: methods, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from features.deals.days import Floats, Ints

SIZES = (0.05, 0.1, 0.15, 0.2, 0.3)
MEMORIES = (0.917, 0.96, 0.98)
"""A week's memory: half-lives of 8, 17 and 34 weeks."""
RESETS = (0.25, 0.5, 0.75)
PRIOR_SIZE, PRIOR_SPREAD = 0.15, 0.25
LEAST_EXPECTED = 1e-3
FARTHEST = 1.0
"""Log odds that no posterior goes beyond: a model that is wrong by more is no shock."""
FEWEST_QUARTERS = 4


@dataclass(frozen=True)
class Weeks:
    """Weeks of the past in order of time, shape (t,).

    Attributes
    ----------
    day
        First day.
    quarter
        First day of the quarter.
    won, expected
        Wins told within the week of deals open on its first day, and as many as the model of the
        time expected.
    """

    day: Ints
    quarter: Ints
    won: Floats
    expected: Floats

    def before(self, day: int) -> Weeks:
        """Return the weeks that were over by a day."""
        kept = self.day + 7 <= day
        return Weeks(self.day[kept], self.quarter[kept], self.won[kept], self.expected[kept])


@dataclass(frozen=True)
class Law:
    """How the shock moves: size (sd of log), memory of a week, what a new quarter keeps of it."""

    size: float
    memory: float
    reset: float


@dataclass(frozen=True)
class Shock:
    """Posterior of the shock on a day: log multiplier, mean and variance, and its law."""

    mean: float
    variance: float
    law: Law

    def over(self, weeks: float, *, ahead: int = 0, wait: float = 0.0) -> tuple[float, float]:
        """Return mean and deviation of the shock's average over weeks to come.

        Parameters
        ----------
        weeks
            How many.
        ahead
            Quarters that begin before the first of them.
        wait
            Weeks until the first of them.
        """
        law, count = self.law, max(round(weeks), 1)
        powers = law.memory ** np.arange(count)
        kept = law.memory**wait * law.reset**ahead
        start = kept**2 * self.variance + (1.0 - kept**2) * law.size**2
        new = law.size**2 * (1.0 - law.memory**2)
        spread = sum((powers[:left].sum() / count) ** 2 for left in range(1, count))
        variance = powers.mean() ** 2 * start + new * spread
        return float(kept * self.mean * powers.mean()), float(np.sqrt(variance))


def run_filter(weeks: Weeks, law: Law) -> tuple[list[Shock], float]:
    """Return the posterior before each week and after the last, and the log likelihood."""
    mean, variance, likelihood = 0.0, law.size**2, 0.0
    found, last = [], None
    for quarter, won, expected in zip(weeks.quarter, weeks.won, weeks.expected, strict=True):
        if last is not None and quarter != last:
            mean, variance = _renewed(mean, variance, law)
        last = quarter
        found.append(Shock(mean, variance, law))
        rate = max(expected * np.exp(mean), LEAST_EXPECTED)
        likelihood -= 0.5 * np.log(rate + variance * rate**2)
        likelihood -= 0.5 * (won - rate) ** 2 / (rate + variance * rate**2)
        gain = 1.0 / (1.0 / variance + rate)
        mean = float(np.clip(mean + gain * (won - rate), -FARTHEST, FARTHEST)) * law.memory
        variance = law.memory**2 * gain + (1.0 - law.memory**2) * law.size**2
    return [*found, Shock(mean, variance, law)], float(likelihood)


def learn_law(weeks: Weeks) -> Law:
    """Return the likeliest law under the prior; the prior's own without any week."""
    best, law = -np.inf, Law(PRIOR_SIZE, MEMORIES[1], RESETS[1])
    for size, memory, reset in product(SIZES, MEMORIES, RESETS):
        one = Law(size, memory, reset)
        likelihood = run_filter(weeks, one)[1] if len(weeks.day) else 0.0
        likelihood -= 0.5 * (np.log(size / PRIOR_SIZE) / PRIOR_SPREAD) ** 2
        if likelihood > best + 1e-9:
            best, law = likelihood, one
    return law


def shock_on(weeks: Weeks, day: int, quarter: int) -> Shock:
    """Return the posterior on a day of a quarter (its first day), from weeks over by then."""
    past = weeks.before(day)
    law = learn_law(past)
    last = run_filter(past, law)[0][-1]
    if len(past.quarter) and past.quarter[-1] != quarter:
        last = Shock(*_renewed(last.mean, last.variance, law), law)
    return last


def helps(won: Sequence[float], plain: Sequence[float], felt: Sequence[float]) -> bool:
    """Say whether the filter came nearer to what was won than doing without it, all in one unit.

    Examples
    --------
    >>> helps([10.0, 12.0], [10.0, 10.0], [10.0, 11.0]), helps([10.0], [10.0], [12.0])
    (True, False)
    """
    misses = [np.abs(np.subtract(won, one)).sum() for one in (felt, plain)]
    return bool(misses[0] <= misses[1])


def _renewed(mean: float, variance: float, law: Law) -> tuple[float, float]:
    kept = law.reset
    return kept * mean, kept**2 * variance + (1.0 - kept**2) * law.size**2
