"""A saved scenario on the newest forecast: simulated from kept inputs, beside what is served."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from ledger.engine import Ledger
from ledger.forecast_inputs import read_inputs, read_items
from ledger.gaps import read_gap
from ledger.issued_books import read_book
from ledger.scenarios import SavedScenario, ScenarioRun, now
from lifecycle.errors import NoForecastError
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.gap.again import Kept, open_kept
from models.forecast.items import WON, unpack_items
from models.forecast.raw import BOOKINGS
from models.forecast.scenario_run import Base, run_scenario
from models.forecast.scenarios import Scenario, from_document

DRAWS = 10_000
DRAWS_OF_CONTRACTS = 4_000
"""Twenty thousand contracts are then simulated twice within ten seconds."""


def simulate_saved(ledger: Ledger, saved: SavedScenario, calendar: FiscalCalendar) -> ScenarioRun:
    """Simulate a saved scenario on the inputs of the newest forecast of its quarter.

    Raises
    ------
    NoForecastError
        No inputs of that forecast are kept.
    UsageError
        A deal or account is unknown to it, or belongs elsewhere.
    """
    quarter = Quarter.parse(saved.period, calendar)
    stored = read_inputs(ledger, saved.target, saved.period)
    origin = stored.packed.origin
    draws = DRAWS if saved.target == BOOKINGS else DRAWS_OF_CONTRACTS
    kept = open_kept(stored.packed.content, saved.target, quarter, origin=origin, draws=draws)
    scenario = from_document(vars(saved), saved.change)
    result = run_scenario(scenario, _base(ledger, scenario, kept, quarter=quarter))
    return ScenarioRun(saved.name, stored.run_id, origin, stored.digest, now(), result)


def _base(ledger: Ledger, scenario: Scenario, kept: Kept, *, quarter: Quarter) -> Base:
    """Return the forecast as it is served, and what is known of its deals and accounts."""
    ground = kept.ground()
    book = read_book(ledger, scenario.target, scenario.period)
    if book is None:
        raise NoForecastError(
            f"no forecast of {scenario.target} {scenario.period}",
            "one made by `truecast refresh`",
            "run `truecast refresh`",
        )
    grids = {
        row.node: np.array(row.quantiles, dtype=np.float64)
        for row in book.book.rows
        if row.served and row.quantiles is not None
    }
    inputs = kept.again.inputs
    accounts = frozenset(getattr(inputs, "account_id", np.zeros(0)).tolist())
    deals = frozenset() if ground.deals is None else frozenset(ground.deals.deal)
    base = Base(quarter, kept.again, deals, accounts, grid_minor=grids)
    return replace(
        base,
        elsewhere=_closed(ledger, scenario, book.book.origin),
        goals_minor=_goals(ledger, scenario),
    )


def _closed(ledger: Ledger, scenario: Scenario, origin: date) -> dict[str, str]:
    """Return the deals of the quarter that were won before the forecast."""
    try:
        packed = read_items(ledger, scenario.target, scenario.period, origin=origin)
    except NoForecastError:
        return {}
    items = unpack_items(packed.content)
    return {
        unit: f"was won before {origin}"
        for unit, state in zip(items.units, items.states, strict=True)
        if state == WON
    }


def _goals(ledger: Ledger, scenario: Scenario) -> dict[str, float]:
    found = read_gap(ledger, scenario.target, scenario.period)
    told = [] if found is None else found[1].answer["targets"]
    return {
        one["node"]: float(one["target_minor"])
        for one in reversed(told)
        if one["covers"] == "quarter"
    }
