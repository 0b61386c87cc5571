"""A quarter's bookings drawn: what is in, open deals that are won, and deals yet to come.

Draws are ordered by the shock on winning in 64 strata, so that a deal's chance is a table of 64
numbers. The same seed gives the same luck whatever is changed, so what a lever brings is the
difference of two runs. All random amounts have mean one before they are multiplied: nothing is
lost or gained by going through logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lifecycle.errors import UsageError
from models.forecast.bookings.inputs import BookingsInputs
from models.forecast.grid import FloatArray
from models.forecast.nodes import IntArray
from models.forecast.whatif import LOST, MOVED, WON, Change

STRATA = 64
CELLS = 6_000_000
"""Deals times draws that are drawn together: a few dozen MB."""
NOISE_BITS = 10
SURELY = 50.0
CLOSED, OPEN_DEALS, TO_BE_CREATED = "closed", "open_deals", "to_be_created"
PARTS = (CLOSED, OPEN_DEALS, TO_BE_CREATED)


@dataclass(frozen=True)
class BookingsDraws:
    """Bookings of the whole quarter, what is in included.

    Attributes
    ----------
    nodes
        ``total`` first.
    draws
        (nodes, draws) minor units.
    parts
        By name of ``PARTS``, (nodes,) what the means are made of; they add up to them.
    largest_minor
        (draws,) the total without the deal that is expected to bring most.
    """

    nodes: tuple[str, ...]
    draws: FloatArray
    parts: Mapping[str, FloatArray]
    largest_minor: FloatArray


def simulate_bookings(
    inputs: BookingsInputs, *, draws: int = 10_000, seed: int, change: Change | None = None
) -> BookingsDraws:
    """Draw the quarter.

    Parameters
    ----------
    inputs
        Of an origin and a quarter.
    draws
        How many.
    seed
        The same seed gives the same luck whatever is changed.
    change
        A lever or scenario; what it says of accounts and churn does not matter here.

    Raises
    ------
    UsageError
        The change names a deal that was not open on the origin.
    """
    change = change or Change()
    _check(inputs, change)
    run = _Run(inputs, draws, change, np.random.default_rng([seed, 1]))
    for rows in _chunks(len(inputs.deal_id), draws):
        run.add_deals(rows)
    run.add_pool(np.random.default_rng([seed, 2]))
    return run.close()


class _Run:
    """One simulation: common shocks first, then deals chunk by chunk, then the pool."""

    def __init__(
        self, inputs: BookingsInputs, draws: int, change: Change, rng: np.random.Generator
    ) -> None:
        self.inputs, self.draws, self.change, self.rng = inputs, draws, change, rng
        self.stratum = np.arange(draws) * STRATA // max(draws, 1)
        quantile = NormalDist().inv_cdf
        steps = [quantile((k + 0.5) / STRATA) for k in range(STRATA)]
        self.win = _shock("win", change, inputs.win + inputs.win_sd * _unit(np.array(steps)))
        luck = rng.standard_normal((2, draws))
        volume = _shock("volume", change, inputs.pool_sd * luck[0] - inputs.pool_sd**2 / 2)
        amount = _shock("amount", change, inputs.amount_sd * luck[1] - inputs.amount_sd**2 / 2)
        self.busy, self.factor = np.exp(volume), np.exp(amount)
        noise = np.exp(inputs.noise_sd * _noise_steps())
        self.noise = (noise / noise.mean()).astype(np.float32)
        self.odds, self.value = _changed_deals(inputs, change)
        expected = self.value / (1.0 + np.exp(-np.clip(self.odds + inputs.win, -SURELY, SURELY)))
        self.biggest = int(expected.argmax()) if len(expected) else -1
        self.open = np.zeros((len(inputs.nodes), draws))
        self.pool = np.zeros((len(inputs.nodes), draws))
        self.big = np.zeros(draws)

    def add_deals(self, rows: slice) -> None:
        """Draw some deals: won where the luck is below the chance of the draw's stratum."""
        odds = np.clip(self.odds[rows, None] + self.win, -SURELY, SURELY)
        sure = np.abs(self.odds[rows]) >= SURELY
        chance = (
            1.0 / (1.0 + np.exp(-np.where(sure[:, None], self.odds[rows, None], odds)))
        ).astype(np.float32)
        luck = self.rng.random((len(odds), self.draws), dtype=np.float32)
        deal, draw = np.nonzero(luck < chance[:, self.stratum])
        # the last bits of a draw that won say nothing of the win: they are the amount's luck
        bits = (luck[deal, draw] * 2**24).astype(np.int64) & (2**NOISE_BITS - 1)
        amount = self.value[rows][deal] * self.noise[bits] * self.factor[draw]
        places = self.inputs.places[rows][deal]
        _add(self.open, places, draw, amount=amount)
        if rows.start <= self.biggest < rows.stop:
            own = deal == self.biggest - rows.start
            self.big += np.bincount(draw[own], weights=amount[own], minlength=self.draws)

    def add_pool(self, rng: np.random.Generator) -> None:
        """Draw deals to come: arrivals of a Poisson process, each a deal of a past quarter."""
        inputs, size = self.inputs, len(self.inputs.pool_amount)
        if size == 0:
            return
        usual = float(inputs.pool_amount.mean())
        more = self.change.extra_pipeline_minor * inputs.created_yield / usual if usual > 0 else 0.0
        felt = np.exp(inputs.pool_power * (self.win - _mean_log(self.win, inputs.pool_power)))
        moved = np.exp(inputs.pool_power * (self.win.mean()))
        rate = (inputs.pool_expected * moved + more) * self.busy * felt[self.stratum]
        factor = np.ones(size)
        hired = inputs.pool_day >= 7 * self.change.creation_from_week
        factor[hired] = self.change.creation_factor
        amounts = inputs.pool_amount * factor
        most = int(rate.max() + 6.0 * np.sqrt(rate.max()) + 10.0)
        for draws in _chunks(self.draws, most):
            count = draws.stop - draws.start
            when = np.cumsum(rng.standard_exponential((count, most), dtype=np.float32), axis=1)
            which = (rng.random((count, most), dtype=np.float32) * size).astype(np.int64)
            draw, place = np.nonzero(when <= rate[draws, None])
            unit = np.minimum(which[draw, place], size - 1)
            amount = amounts[unit] * self.factor[draws][draw]
            _add(self.pool, inputs.pool_places[unit], draw + draws.start, amount=amount)

    def close(self) -> BookingsDraws:
        """Add up."""
        inputs = self.inputs
        total = inputs.to_date_minor[:, None] + self.open + self.pool
        parts = {
            CLOSED: inputs.to_date_minor.copy(),
            OPEN_DEALS: self.open.mean(axis=1),
            TO_BE_CREATED: self.pool.mean(axis=1),
        }
        return BookingsDraws(inputs.nodes, total, parts, total[0] - self.big)


def _add(into: FloatArray, places: IntArray, draw: IntArray, *, amount: FloatArray) -> None:
    """Add amounts to the total and to each dimension's node, by draw."""
    draws = into.shape[1]
    into[0] += np.bincount(draw, weights=amount, minlength=draws)
    for column in places.T:
        # one by one: sums of all nodes for each chunk of deals would grow with draws squared
        np.add.at(into.reshape(-1), column * draws + draw, amount)


def _changed_deals(inputs: BookingsInputs, change: Change) -> tuple[FloatArray, FloatArray]:
    """Return log odds (sure outcomes far out) and expected final amounts, (deals,) each."""
    row = {name: place for place, name in enumerate(inputs.deal_id.tolist())}
    by_stage = [change.stage_log_odds.get(stage, 0.0) for stage in inputs.stage.tolist()]
    odds = np.clip(inputs.log_odds + np.array(by_stage, np.float64), 1 - SURELY, SURELY - 1)
    amount = inputs.amount_minor.copy()
    for name, value in change.unit_log_odds.items():
        odds[row[name]] = np.clip(odds[row[name]] + value, 1 - SURELY, SURELY - 1)
    for name, value in change.amounts_minor.items():
        amount[row[name]] = value
    for name, outcome in change.outcomes.items():
        odds[row[name]] = {WON: SURELY, LOST: -SURELY, MOVED: -SURELY}[outcome]
    return odds, amount * inputs.haircut


def _check(inputs: BookingsInputs, change: Change) -> None:
    unknown = sorted(change.units - set(inputs.deal_id.tolist()))
    if unknown:
        raise UsageError(
            f"a change of deal {unknown[0][:64]!r}",
            "a deal of new business or expansion that was open on the origin",
            "correct the id, or leave it out",
        )


def _shock(name: str, change: Change, drawn: FloatArray) -> FloatArray:
    if name not in change.shocks:
        return drawn
    return np.full(len(drawn), change.shocks[name])


def _mean_log(shock: FloatArray, power: float) -> float:
    """Return the shift of a shock at which its exponential's mean is one at its mean."""
    if power == 0:
        return float(shock.mean())
    middle = shock.mean()
    return float(middle + np.log(np.exp(power * (shock - middle)).mean()) / power)


def _unit(steps: FloatArray) -> FloatArray:
    """Scale quantiles of a normal to a deviation of exactly one."""
    return np.asarray(steps / steps.std())


def _noise_steps() -> FloatArray:
    """Return quantiles of a normal in a fixed mixed order, so that neighbouring bits differ."""
    count = 2**NOISE_BITS
    quantile = NormalDist().inv_cdf
    steps = np.array([quantile((k + 0.5) / count) for k in range(count)])
    return np.asarray(steps[(np.arange(count) * 389) % count])


def _chunks(count: int, width: int) -> Iterator[slice]:
    size = max(CELLS // max(width, 1), 1)
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))
