"""Bookings as they can be worked on, and as units whose moves are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.bookings.simulate import simulate_bookings
from models.forecast.gap.field import Ground, OpenDeals
from models.forecast.grid import FloatArray
from models.forecast.items import DEAL, OPEN, POOL, WON, ForecastItems
from models.forecast.raw import RawForecast
from models.forecast.whatif import Change

TO_COME = "deals yet to be created"
BEFORE = "won before, by deals not named"
_STEPS = (np.arange(64) + 0.5) / 64


DRAWS = 4_000
"""Enough for a difference: the same luck is drawn with and without a change."""


@dataclass(frozen=True)
class BookingsAgain:
    """A quarter's bookings, simulated again from kept inputs.

    Parameters
    ----------
    inputs
        Of an origin and a quarter.
    seed
        The luck.
    count
        How many draws.
    """

    inputs: BookingsInputs
    seed: int
    count: int = DRAWS
    _base: list[FloatArray] = field(default_factory=list, repr=False, compare=False)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names, ``total`` first."""
        return self.inputs.nodes

    def draws(self, change: Change | None = None) -> FloatArray:
        """Return the quarter by node and draw, (nodes, draws), minor units.

        Raises
        ------
        UsageError
            The change names a deal that was not open on the origin.
        """
        if change is not None and change != Change():
            return self._draw(change)
        if not self._base:
            self._base.append(self._draw(None))
        return self._base[0]

    def _draw(self, change: Change | None) -> FloatArray:
        return simulate_bookings(self.inputs, draws=self.count, seed=self.seed, change=change).draws


def bookings_ground(again: BookingsAgain) -> Ground:
    """Return what can be worked on in a quarter's bookings."""
    inputs = again.inputs
    value = inputs.amount_minor * inputs.haircut
    deals = OpenDeals(
        tuple(inputs.deal_id.tolist()),
        tuple(inputs.stage.tolist()),
        tuple(inputs.owner.tolist()),
        value,
        inputs.chance,
        inputs.next_chance,
        np.asarray(inputs.due),
        np.asarray(inputs.slipped),
    )
    days = inputs.end_day - max(inputs.origin_day, inputs.start_day)
    due = np.zeros(len(inputs.nodes))
    amounts = np.where(inputs.due, inputs.amount_minor, 0.0)
    due[0] = amounts.sum()
    for column in inputs.places.T:
        due += np.bincount(column, weights=amounts, minlength=len(due))
    return Ground(
        again,
        deals,
        None,
        max(days, 0) / 7,
        True,
        dict(zip(inputs.nodes, due.tolist(), strict=True)),
    )


def bookings_items(
    inputs: BookingsInputs,
    raw: RawForecast,
    *,
    served_minor: float,
    won_minor: Mapping[str, float],
) -> ForecastItems:
    """Return the units of a quarter's bookings.

    Parameters
    ----------
    inputs
        What was simulated.
    raw
        The forecast they belong to.
    served_minor
        The served mean at the total, minor units.
    won_minor
        By deal id, what deals won in the quarter brought, as known at the origin, minor units.
        What they do not account for of the quarter to date is one unit of its own.
    """
    count, wins = len(inputs.deal_id), len(won_minor)
    value = inputs.amount_minor * inputs.haircut
    closed = np.array(list(won_minor.values()), dtype=np.float64)
    rest = float(inputs.to_date_minor[0] - closed.sum())
    pool = float(inputs.pool_amount.mean()) * inputs.pool_expected if len(inputs.pool_amount) else 0
    amount = np.concatenate([value, closed, [rest, pool]])
    felt = float(np.exp(inputs.pool_power * inputs.win))
    ones = np.ones(wins + 1)
    return ForecastItems(
        target=raw.target,
        period=str(raw.quarter),
        origin=raw.origin,
        model_version=raw.model_version,
        served_minor=served_minor,
        units=(*inputs.deal_id.tolist(), *won_minor, BEFORE, TO_COME),
        kinds=(DEAL,) * (count + wins + 1) + (POOL,),
        states=(OPEN,) * count + (WON,) * (wins + 1) + (OPEN,),
        stages=(*inputs.stage.tolist(), *("",) * (wins + 2)),
        due=np.concatenate([np.asarray(inputs.due, dtype=bool), np.ones(wins + 2, dtype=bool)]),
        amount_minor=amount,
        base_chance=np.concatenate([_chance(inputs.log_odds), ones, [1.0]]),
        expected_minor=amount * np.concatenate([_felt_chance(inputs), ones, [felt]]),
    )


def _chance(odds: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-odds)))


def _felt_chance(inputs: BookingsInputs) -> FloatArray:
    """Return chances over what the shock may be, as the simulation draws it, (deals,)."""
    steps = np.array([NormalDist().inv_cdf(step) for step in _STEPS])
    shock = inputs.win + inputs.win_sd * steps / steps.std()
    return np.asarray(_chance(inputs.log_odds[:, None] + shock).mean(axis=1))
