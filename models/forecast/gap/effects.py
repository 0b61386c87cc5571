"""What levers bring: each simulated with the same luck, alone, and the cheapest set together."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.forecast.gap.field import Simulator, as_served, median_of
from models.forecast.gap.levers import CREATE, Lever
from models.forecast.grid import FloatArray
from models.forecast.whatif import Change, join

MOST_STEPS = 8
LEAST_SHARE = 0.005
"""A step of the plan that closes less of the gap than this is not worth a line."""

OWNERS_SHOWN = 10
OWNER = "owner="


@dataclass(frozen=True)
class Served:
    """The forecast that levers change.

    Parameters
    ----------
    simulator
        Simulates the quarter again.
    base
        (nodes, draws) with nothing changed.
    grid_minor
        (nodes, 21) served quantiles.
    goals_minor
        By node, the amount to reach; empty without targets.
    """

    simulator: Simulator
    base: FloatArray
    grid_minor: FloatArray
    goals_minor: Mapping[str, float]

    def effect(self, draws: FloatArray, node: str) -> dict[str, Any]:
        """Return what a change does to a node: shifts of P50 and mean, and P(hit) with it."""
        at = self.simulator.nodes.index(node)
        before = as_served(self.base[at], self.grid_minor[at])
        moved = draws[at] - self.base[at]
        after = before + moved
        goal = self.goals_minor.get(node)
        said: dict[str, Any] = {
            "delta_p50_minor": round(median_of(after) - median_of(before)),
            "delta_mean_minor": round(float(moved.mean())),
            "p50_minor": round(median_of(after)),
            "p_hit": None,
            "delta_p_hit": None,
        }
        if goal is not None:
            chances = [float((one >= goal).mean()) for one in (before, after)]
            said |= {"p_hit": chances[1], "delta_p_hit": chances[1] - chances[0]}
        return said


def measure_lever(lever: Lever, served: Served) -> dict[str, Any]:
    """Return a lever's effect at the total and by owner, JSON values."""
    draws = served.simulator.draws(lever.change)
    return {
        "lever": lever.name,
        "kind": lever.kind,
        "title": lever.title,
        "effort": lever.effort,
        "feasibility": lever.feasibility,
        "why": lever.why,
        "units": list(lever.units),
        "owners": list(lever.owners),
        **served.effect(draws, served.simulator.nodes[0]),
        "by_owner": _by_owner(draws, served),
    }


def cheapest_plan(
    levers: Sequence[Lever], gains: Sequence[float], served: Served, *, gap_minor: float
) -> dict[str, Any]:
    """Choose levers one by one by marginal gain per effort until the gap is closed.

    A lever's gain on top of those chosen is simulated only when its last known gain leads: what
    others brought rarely makes one worth more.

    Parameters
    ----------
    levers
        What can be done; none that overlaps another.
    gains
        Shift of P50 that each brings alone, minor units.
    served
        The forecast.
    gap_minor
        What is missing from P50 to the target.
    """
    total = served.simulator.nodes[0]
    waiting = [
        (-gain / lever.effort, place, 0)
        for place, (lever, gain) in enumerate(zip(levers, gains, strict=True))
        if gain > 0
    ]
    heapq.heapify(waiting)
    chosen, closed, steps = Change(), 0.0, list[dict[str, Any]]()
    while waiting and closed < gap_minor and len(steps) < MOST_STEPS:
        _, place, known_at = heapq.heappop(waiting)
        lever = _sized(levers[place], (gap_minor - closed) / gap_minor)
        both = join(chosen, lever.change)
        told = served.effect(served.simulator.draws(both), total)
        gain = told["delta_p50_minor"] - closed
        if gain < LEAST_SHARE * gap_minor:
            continue
        rate = -gain / lever.effort
        if known_at < len(steps) and waiting and rate > waiting[0][0]:
            heapq.heappush(waiting, (rate, place, len(steps)))
            continue
        chosen, closed = both, float(told["delta_p50_minor"])
        steps.append(_step(lever, told, gain))
    return {
        "gap_minor": round(gap_minor),
        "closed_minor": round(closed),
        "closes": closed >= gap_minor,
        "left_minor": round(max(gap_minor - closed, 0.0)),
        "effort": sum(step["effort"] for step in steps),
        "steps": steps,
    }


def _sized(lever: Lever, share: float) -> Lever:
    """Return new pipeline cut to the share of the gap that is left; other levers as they are."""
    if lever.kind != CREATE:
        return lever
    change = replace(lever.change, extra_pipeline_minor=share * lever.change.extra_pipeline_minor)
    return replace(lever, change=change, effort=max(round(share * lever.effort), 1))


def _step(lever: Lever, told: Mapping[str, Any], gain: float) -> dict[str, Any]:
    return {
        "lever": lever.name,
        "title": lever.title,
        "effort": lever.effort,
        "feasibility": lever.feasibility,
        "adds_minor": round(gain),
        "p50_minor": told["p50_minor"],
        "p_hit": told["p_hit"],
    }


def _by_owner(draws: FloatArray, served: Served) -> list[dict[str, Any]]:
    found = [
        {"owner": node.removeprefix(OWNER), **served.effect(draws, node)}
        for at, node in enumerate(served.simulator.nodes)
        if node.startswith(OWNER) and (draws[at] != served.base[at]).any()
    ]
    found.sort(key=lambda one: (-one["delta_mean_minor"], one["owner"]))
    return found[:OWNERS_SHOWN]
