"""What can still be worked on in a quarter: open deals, accounts that may leave, new pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Protocol

import numpy as np

from models.forecast.grid import LEVELS, MEDIAN, FloatArray, interval
from models.forecast.items import BoolArray
from models.forecast.whatif import Change

_OUTER = np.array([0.98, 0.985, 0.99, 0.995, 0.9975, 0.9995])
_FAR = np.array([NormalDist().inv_cdf(level) for level in _OUTER]) / NormalDist().inv_cdf(0.9)


class Simulator(Protocol):
    """A quarter that can be simulated again; the same luck whatever is changed."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes, ``total`` first."""

    def draws(self, change: Change | None = None) -> FloatArray:
        """Return the quarter by node and draw, shape (nodes, draws), minor units.

        Raises
        ------
        UsageError
            The engine cannot change that.
        """


@dataclass(frozen=True)
class OpenDeals:
    """Open deals at the origin, shape (d,) each.

    Parameters
    ----------
    deal, stage, owner
        Ids and names; empty where nobody said.
    amount_minor
        What the deal is expected to bring if it is won, minor units.
    chance
        P(won in the quarter), 0-1.
    next_chance
        P(won in the 30 days after the quarter), 0-1.
    due
        Expected to close in the quarter.
    slipped
        Expected to close in it when it began, and no more.
    """

    deal: tuple[str, ...]
    stage: tuple[str, ...]
    owner: tuple[str, ...]
    amount_minor: FloatArray
    chance: FloatArray
    next_chance: FloatArray
    due: BoolArray
    slipped: BoolArray


@dataclass(frozen=True)
class AtRisk:
    """Accounts that may yet leave in the quarter, without those that gave notice; shape (a,) each.

    Parameters
    ----------
    account, owner
        Ids; empty where nobody said.
    chance
        P(leaves in the quarter), 0-1.
    loss_minor
        What the quarter's target loses if it does, minor units.
    """

    account: tuple[str, ...]
    owner: tuple[str, ...]
    chance: FloatArray
    loss_minor: FloatArray


@dataclass(frozen=True)
class Ground:
    """One target's quarter as it can be worked on.

    Parameters
    ----------
    simulator
        Simulates it again.
    deals, accounts
        ``None`` where the target has none.
    weeks_left
        Of the quarter, from the origin.
    creates
        New deals count for the target, so that pipeline can be created for it.
    open_due_minor
        By node, amounts of open deals expected to close in the quarter, minor units.
    """

    simulator: Simulator
    deals: OpenDeals | None
    accounts: AtRisk | None
    weeks_left: float
    creates: bool
    open_due_minor: Mapping[str, float] = field(default_factory=dict)


def as_served(draws: FloatArray, grid: FloatArray) -> FloatArray:
    """Return draws moved onto the served quantiles, rank by rank, shape (draws,).

    The served forecast is wider or narrower than the simulation where its record says so; a lever
    must change the number that is shown. Beyond the outer levels tails go on like the normal's of
    `models.forecast.grid.share_below`.

    Parameters
    ----------
    draws
        The simulation's, at one node.
    grid
        (21,) served quantiles of the same node.
    """
    ranks = np.argsort(np.argsort(draws, kind="stable"), kind="stable")
    low, high = (grid[MEDIAN] + (end - grid[MEDIAN]) * _FAR for end in interval(grid, 0.8))
    outer = np.minimum(low[::-1], grid[0]), np.maximum(high, grid[-1])
    values = np.concatenate([outer[0], grid, outer[1]])
    levels = np.concatenate([1 - _OUTER[::-1], LEVELS, _OUTER])
    return np.asarray(np.interp((ranks + 0.5) / len(draws), levels, values))


def median_of(draws: FloatArray) -> float:
    """Return the median of draws."""
    return float(np.quantile(draws, LEVELS[MEDIAN]))


def logit(chance: FloatArray) -> FloatArray:
    """Return log odds; chances are kept within 1e-6 of 0 and 1."""
    held = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(held / (1 - held)))


def shift_to_raise(chance: FloatArray, points: float) -> float:
    """Return the shift of log odds that raises the mean of chances by so much (0.01 = one point).

    Examples
    --------
    >>> round(shift_to_raise(np.array([0.5]), 0.01), 3)
    0.04
    """
    wanted = min(float(chance.mean()) + points, 1 - 1e-6)
    odds, low, high = logit(chance), 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        if float((1 / (1 + np.exp(-(odds + middle)))).mean()) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def owners_of(owners: Sequence[str], rows: Sequence[int]) -> list[str]:
    """Return the owners of some units, each once, in order; without those nobody owns."""
    return list(dict.fromkeys(owners[row] for row in rows if owners[row]))
