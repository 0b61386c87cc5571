"""Futures drawn from the fitted model: what chance, doubt and common shocks make of a value.

A draw is one future of the whole book: a common path of the hazard (an AR(1) on its log, the same
for all accounts), the doubt of the fits (first year; each group's tail; the carried share), a
common shock of growth, and then chance, account by account: when it leaves, and by how much its
MRR moves in each half-year. Means over draws are the expected values; every spread is around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.base import FloatArray
from models.clv.contract.cash import FIRST_YEAR, Plan
from models.clv.contract.jackknife import GROUPS as JACKKNIFE_GROUPS
from models.clv.contract.moves import Moves, Side, faded
from models.clv.contract.rows import Names

IntArray = NDArray[np.int64]

BLOCK_MONTHS = 6
POOL = 4096
SEED = 20260701
MEMORY = 0.9
QUANTILES = (0.10, 0.50, 0.90)
NEVER = 1e6
MOST_APART = 4.0


@dataclass(frozen=True)
class Doubt:
    """How far all accounts may be off together.

    Attributes
    ----------
    shock_sd, shock_memory
        Of the common path of the log hazard: stationary deviation, and correlation of months.
    near_sd, shift_sd
        Of the log hazard of the first year, and of the later years, in all groups alike.
    growth_sd
        Of the growth a month of all accounts.
    book_sd
        Of the log of the whole book's worth, by whom the fit happened to see (`jackknife`).
    """

    shock_sd: float = 0.2
    shock_memory: float = MEMORY
    near_sd: float = 0.1
    shift_sd: float = 0.1
    growth_sd: float = 0.0015
    book_sd: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``; a wrong form raises TypeError or ValueError."""
        return cls(**{str(name): float(value) for name, value in data.items()})

    def path(self, months: int, rng: np.random.Generator) -> FloatArray:
        """Return a common path of the log hazard, shape (months,), mean hazard unchanged."""
        noise = rng.standard_normal(months)
        fresh = np.sqrt(1.0 - self.shock_memory**2)
        out = np.empty(months)
        state = noise[0]
        for month in range(months):
            if month:
                state = self.shock_memory * state + fresh * noise[month]
            out[month] = state
        return np.asarray(self.shock_sd * out - self.shock_sd**2 / 2.0)


@dataclass(frozen=True)
class Book:
    """A book of contracts, ready to be drawn.

    Attributes
    ----------
    plan
        Expected courses.
    segment, group
        Shape (n,).
    tail_sd
        Shape (n,). Deviation of the log of the group's tail hazard, from its fit.
    """

    plan: Plan
    segment: Names
    group: Names
    tail_sd: FloatArray


@dataclass(frozen=True)
class _Cash:
    """What does not change from draw to draw: shape (n, months), and where each pool begins."""

    worth: FloatArray
    cost: FloatArray
    pool: FloatArray
    start: IntArray
    group: IntArray


def draw_values(
    book: Book, moves: Moves, doubt: Doubt, *, count: int, seed: int = SEED
) -> FloatArray:
    """Return ``count`` futures of every account's value, shape (count, n), minor units.

    The same book and seed give the same draws.
    """
    rng = np.random.default_rng(seed)
    cash = _prepare(book, moves, rng)
    out = np.empty((count, len(book.segment)))
    for row in range(count):
        out[row] = _draw(book, doubt, rng, cash=cash)
    return out


def _prepare(book: Book, moves: Moves, rng: np.random.Generator) -> _Cash:
    plan = book.plan
    names, segment = np.unique(book.segment.astype(str), return_inverse=True)
    pools = [build_pool(moves, str(name), rng) for name in names]
    _, group = np.unique(book.group.astype(str), return_inverse=True)
    weights = plan.weights()
    return _Cash(
        worth=plan.level * weights * (plan.mrr * plan.margin)[:, None],
        cost=plan.cost[:, None] * weights,
        pool=np.concatenate([np.repeat(one, BLOCK_MONTHS, axis=1) for one in pools]),
        start=segment.astype(np.int64) * POOL,
        group=group.astype(np.int64),
    )


def build_pool(moves: Moves, segment: str, rng: np.random.Generator) -> FloatArray:
    """Return paths of MRR over its expectation by half-years, shape (POOL, blocks), mean 1."""
    span = np.full(60 // BLOCK_MONTHS, float(BLOCK_MONTHS))
    up, mean_up = _jumps(moves.up, segment, span, rng=rng, sign=1.0)
    down, mean_down = _jumps(moves.down, segment, span, rng=rng, sign=-1.0)
    step = (1.0 + up + down) / (1.0 + mean_up + mean_down)
    paths = np.cumprod(step, axis=1)
    return np.asarray(paths / paths.mean(axis=0))


def _jumps(
    side: Side, segment: str, span: FloatArray, *, rng: np.random.Generator, sign: float
) -> tuple[FloatArray, FloatArray]:
    """Return relative changes by block, shape (POOL, blocks), and their means."""
    rate = side.rate.values.get(segment, side.rate.other)
    chance = -np.expm1(-rate * span)
    shape = (POOL, len(span))
    size = np.maximum(rng.normal(side.size, side.sd, shape), 0.0)
    change = np.expm1(sign * size)
    moved = rng.random(shape) < chance
    return np.where(moved, change, 0.0), chance * change.mean()


def _draw(book: Book, doubt: Doubt, rng: np.random.Generator, *, cash: _Cash) -> FloatArray:
    plan, months, n = book.plan, book.plan.months, len(book.segment)
    common = doubt.path(months, rng)
    common[:FIRST_YEAR] += doubt.near_sd * rng.standard_normal() - doubt.near_sd**2 / 2
    common[FIRST_YEAR:] += doubt.shift_sd * rng.standard_normal() - doubt.shift_sd**2 / 2
    # one number per group and draw: accounts of a group share the doubt of its curve
    by_group = rng.standard_normal(int(cash.group.max()) + 1)[cash.group]
    tilt = np.exp(book.tail_sd * by_group - book.tail_sd**2 / 2)
    growth = np.exp(doubt.growth_sd * rng.standard_normal() * faded(months))
    growth *= np.exp(doubt.book_sd * _draw_apart(rng) - doubt.book_sd**2 / 2)
    hazard = plan.hazard * np.exp(common)
    hazard[:, FIRST_YEAR:] *= tilt[:, None]
    end = _month_of(hazard, rng.exponential(size=n)) + plan.lag
    paid = np.clip(end[:, None] - np.arange(months), 0.0, 1.0)
    moved = cash.pool[cash.start + rng.integers(0, POOL, n), :months]
    return np.asarray((paid * (cash.worth * moved * growth - cash.cost)).sum(axis=1))


def _draw_apart(rng: np.random.Generator) -> float:
    # ten groups tell a standard error itself only roughly: Student's t, not the normal
    return float(np.clip(rng.standard_t(JACKKNIFE_GROUPS - 1), -MOST_APART, MOST_APART))


def _month_of(hazard: FloatArray, wait: FloatArray) -> FloatArray:
    """Return when the cumulative hazard reaches ``wait``, in months, shape (n,); m if never."""
    total = np.cumsum(hazard, axis=1)
    whole = (total < wait[:, None]).sum(axis=1)
    inside = np.minimum(whole, hazard.shape[1] - 1)
    row = np.arange(len(wait))
    step = hazard[row, inside]
    part = (wait - (total[row, inside] - step)) / np.maximum(step, 1e-12)
    return np.where(whole < hazard.shape[1], inside + np.clip(part, 0.0, 1.0), NEVER)
