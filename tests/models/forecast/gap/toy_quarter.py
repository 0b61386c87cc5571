"""A quarter of independent deals and accounts that can be simulated again in a few lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.forecast.gap.answer import Past, Shown, build_gap
from models.forecast.gap.field import AtRisk, Ground, OpenDeals, logit
from models.forecast.grid import FloatArray, grid_of
from models.forecast.raw import RawForecast, leg_of_draws
from models.forecast.targets import Target
from models.forecast.whatif import Change
from tests.models.forecast.gap.quarter_story import ORIGIN, QUARTER

DRAWS = 4_000
NODES = ("total", "owner=R1", "owner=R2")


class ToyQuarter:
    """Each deal is won for itself; each account that leaves costs what it brings."""

    nodes = NODES

    def __init__(self, deals: OpenDeals, accounts: AtRisk, share: float) -> None:
        self.deals, self.accounts, self.share = deals, accounts, share
        self.runs = 0

    def draws(self, change: Change | None = None) -> FloatArray:
        self.runs += 1
        change, deals = change or Change(), self.deals
        luck = np.random.default_rng(7).random((len(deals.deal) + 30, DRAWS))
        shift = [
            change.stage_log_odds.get(stage, 0.0) + change.unit_log_odds.get(deal, 0.0)
            for deal, stage in zip(deals.deal, deals.stage, strict=True)
        ]
        chance = 1 / (1 + np.exp(-(logit(deals.chance) + np.array(shift))))
        won = (luck[: len(chance)] < chance[:, None]) * deals.amount_minor[:, None]
        saved = np.array([one in change.saved for one in self.accounts.account], dtype=bool)
        leave = np.where(saved, 0.0, self.accounts.chance)[:, None]
        lost = (luck[-len(leave) :] < leave) * self.accounts.loss_minor[:, None]
        total = won.sum(axis=0) - lost.sum(axis=0) + 2000
        total = total + self.share * change.extra_pipeline_minor
        owner = np.array(deals.owner)
        return np.stack([total, *(won[owner == name].sum(axis=0) for name in ("R1", "R2"))])


def deals(count: int = 24) -> OpenDeals:
    places = np.arange(count)
    due = places % 3 > 0
    return OpenDeals(
        deal=tuple(f"D{n}" for n in places),
        stage=tuple("demo" if n % 2 else "offer" for n in places),
        owner=tuple("R1" if n % 4 else "R2" for n in places),
        amount_minor=100.0 + 10.0 * places,
        chance=np.where(due, 0.4, 0.05),
        next_chance=np.where(due, 0.0, 0.3),
        due=due,
        slipped=~due & (places % 2 == 0),
    )


def ground(**changed: Any) -> Ground:
    accounts = AtRisk(
        tuple(f"A{n}" for n in range(12)),
        ("",) * 12,
        np.linspace(0.02, 0.3, 12),
        np.full(12, 150.0),
    )
    open_deals = changed.pop("deals", deals())
    share = changed.pop("share", 0.3)
    given = {
        "simulator": ToyQuarter(open_deals, accounts, share),
        "deals": open_deals,
        "accounts": accounts,
        "weeks_left": 7.0,
        "creates": True,
        "open_due_minor": {"total": 3000.0},
    }
    return Ground(**{**given, **changed})


def shown(place: Ground | None = None, *, wider: float = 1.0) -> Shown:
    """Show the simulation as served, its quantiles stretched around the median."""
    base = (place or ground()).simulator.draws()
    grid = grid_of(base)
    grid = grid[:, 10:11] + wider * (grid - grid[:, 10:11])
    raw = RawForecast(
        target="bookings",
        quarter=QUARTER,
        origin=ORIGIN,
        nodes=NODES,
        legs={"simulation": leg_of_draws(base)},
        to_date_minor=np.array([2000.0, 0.0, 0.0]),
        floor_minor=np.zeros(3),
    )
    return Shown(raw, grid, "EUR", place)


def gap_of(place: Ground | None, *targets: Target, **changed: Any) -> dict[str, Any]:
    return build_gap(shown(place, **changed), targets, Past())
