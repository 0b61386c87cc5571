"""A scenario simulated beside its base.

The same luck is drawn with and without the change, so the difference is the change's alone, and it
has an interval of its own. A scenario's quarter is the served forecast, moved draw by draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lifecycle.errors import UsageError
from lifecycle.periods import Quarter
from models.forecast.gap.field import Simulator, as_served
from models.forecast.grid import FloatArray, grid_of, interval
from models.forecast.nodes import TOTAL
from models.forecast.scenarios import Scenario, Toggle, change_of
from models.forecast.whatif import LOST, WON

NAMED = 5
"""How many ids an error names."""

SHOWN_NODES = 20
LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Base:
    """The forecast that a scenario starts from.

    Parameters
    ----------
    quarter
        Which one.
    simulator
        Simulates it again.
    deals, accounts
        Ids that it knows.
    elsewhere
        By id of a deal that is closed or not part of the quarter's book, why.
    grid_minor
        By node, (21,) served quantiles; nodes without are as simulated.
    goals_minor
        By node, the amount to reach.
    """

    quarter: Quarter
    simulator: Simulator
    deals: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    grid_minor: Mapping[str, FloatArray] = field(default_factory=dict)
    goals_minor: Mapping[str, float] = field(default_factory=dict)


def run_scenario(scenario: Scenario, base: Base) -> dict[str, Any]:
    """Simulate a scenario beside its base; JSON values, minor units.

    Returns
    -------
    dict
        ``base`` and ``scenario`` (P10, P50, P90, mean, intervals, P(hit) where there is a target),
        ``delta`` (of P50, mean and P(hit), with P10 and P90 of the paired difference), ``nodes``
        (those that move, by the shift of their mean).

    Raises
    ------
    UsageError
        A deal or account is unknown or belongs elsewhere, or the engine cannot change that.
    """
    check_known(scenario, base)
    before = base.simulator.draws()
    moved = base.simulator.draws(change_of(scenario)) - before
    nodes = base.simulator.nodes
    told = {
        node: _told(node, before[at], moved[at], base=base)
        for at, node in enumerate(nodes)
        if node == TOTAL or moved[at].any()
    }
    rest = [one for node, one in told.items() if node != TOTAL]
    rest.sort(key=lambda one: (-abs(one["delta"]["mean_minor"]), one["node"]))
    return {**told[TOTAL], "nodes": rest[:SHOWN_NODES]}


def check_known(scenario: Scenario, base: Base) -> None:
    """Refuse deals and accounts that the base does not know, and another quarter's scenario.

    Raises
    ------
    UsageError
        One is unknown, closed, or of another quarter.
    """
    if scenario.period != str(base.quarter):
        found = f"scenario {scenario.name!r} of {scenario.period}"
        raise UsageError(found, f"one of {base.quarter}", "run it on that quarter")
    for toggle in scenario.toggles:
        if toggle.deal in base.elsewhere:
            found = f"deal {toggle.deal!r} {base.elsewhere[toggle.deal]}"
            raise UsageError(found, f"a deal open for {base.quarter}", "leave it out")
        if toggle.to not in {None, WON, LOST}:
            _check_quarter(toggle, base.quarter)
    deals = (one.deal for one in scenario.toggles)
    accounts = (*scenario.saved, *scenario.leaving)
    _check_ids("deal", [one for one in deals if one not in base.deals])
    _check_ids("account", [one for one in accounts if one not in base.accounts])


def _check_quarter(toggle: Toggle, quarter: Quarter) -> None:
    wanted = Quarter.parse(str(toggle.to), quarter.calendar)
    if wanted < quarter:
        found = f"deal {toggle.deal!r} moved to {wanted}"
        raise UsageError(found, f"{quarter} or later", "a quarter that is over takes no more")


def _check_ids(what: str, unknown: Sequence[str]) -> None:
    if unknown:
        named = ", ".join(repr(one[:64]) for one in unknown[:NAMED])
        raise UsageError(
            f"{len(unknown)} {what}s that this forecast does not know: {named}",
            f"{what}s open at its origin",
            f"correct the {what}s' ids",
        )


def _told(node: str, before: FloatArray, moved: FloatArray, *, base: Base) -> dict[str, Any]:
    grid = base.grid_minor.get(node, grid_of(before))
    served = as_served(before, grid)
    sides = [_distribution(one, base.goals_minor.get(node)) for one in (served, served + moved)]
    difference = grid_of(moved)
    low, high = interval(difference, 0.8)
    delta: dict[str, Any] = {
        "p50_minor": sides[1]["p50_minor"] - sides[0]["p50_minor"],
        "mean_minor": round(float(moved.mean())),
        "p10_minor": round(float(low)),
        "p90_minor": round(float(high)),
        "p_hit": None,
    }
    if sides[0]["p_hit"] is not None:
        delta["p_hit"] = sides[1]["p_hit"] - sides[0]["p_hit"]
    return {"node": node, "base": sides[0], "scenario": sides[1], "delta": delta}


def _distribution(draws: FloatArray, goal: float | None) -> dict[str, Any]:
    grid = grid_of(draws)
    ends = {level: interval(grid, level) for level in LEVELS}
    low, high = ends[0.8]
    return {
        "p10_minor": round(float(low)),
        "p50_minor": round(float(np.median(draws))),
        "p90_minor": round(float(high)),
        "mean_minor": round(float(draws.mean())),
        "intervals": [
            {"level": level, "low_minor": round(float(one)), "high_minor": round(float(other))}
            for level, (one, other) in ends.items()
        ],
        "p_hit": None if goal is None else float((draws >= goal).mean()),
    }
