"""The gap answer of one forecast: its targets, what is missing, and what would close it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.forecast.gap.attainment import (
    Standing,
    assess,
    chance_to_reach,
    unknown_quarters,
)
from models.forecast.gap.course import Courses, build_courses, own_course
from models.forecast.gap.effects import Served, cheapest_plan, measure_lever
from models.forecast.gap.field import Ground
from models.forecast.gap.levers import (
    NO_PIPELINE,
    Lever,
    PipelineYield,
    create_lever,
    find_levers,
    measure_yield,
)
from models.forecast.grid import MEDIAN, FloatArray, grid_of
from models.forecast.judged import Said
from models.forecast.nodes import TOTAL
from models.forecast.raw import RawForecast
from models.forecast.targets import Aim, LeftOut, Target, choose_aims

NO_TARGETS = "no target of this forecast was known; levers are shown by what they bring"
NO_GROUND = "this forecast rests on no deals or contracts that could be simulated again: no levers"
CONVERSION = "conversion"
MOST_NAMED = 4


@dataclass(frozen=True)
class Past:
    """What is known of earlier forecasts and quarters of the same target.

    Parameters
    ----------
    said
        Earlier forecasts, also of this quarter.
    actuals
        By period and node, ended quarters as known at the origin, minor units.
    """

    said: Sequence[Said] = ()
    actuals: Mapping[str, Mapping[str, float]] | None = None

    @property
    def known(self) -> Mapping[str, Mapping[str, float]]:
        """Actuals; empty where none are known."""
        return self.actuals or {}

    def courses(self, period: str) -> Courses:
        """Return how quarters before a period filled up."""
        return build_courses(self.said, self.known, before=period)


@dataclass(frozen=True)
class Shown:
    """The forecast whose gap is asked for.

    Parameters
    ----------
    raw
        What it rests on.
    grid_minor
        (nodes, 21) quantiles of the leg that is served.
    currency
        ISO 4217 code.
    ground
        What can be worked on; ``None`` where nothing can be simulated again.
    """

    raw: RawForecast
    grid_minor: FloatArray
    currency: str
    ground: Ground | None = None


def build_gap(shown: Shown, targets: Sequence[Target], past: Past) -> dict[str, Any]:
    """Return targets, levers and the cheapest plan of a forecast, JSON values.

    Parameters
    ----------
    shown
        The forecast as it is served.
    targets
        Every target known at its origin.
    past
        Earlier forecasts and quarters.

    Returns
    -------
    dict
        ``main_target`` (its id, or None), ``targets`` and ``left_out``, ``levers`` with their
        effects alone, the largest shift of P50 first, ``pipeline`` (yield of what is created now,
        and a sentence where it can no longer help), ``plan`` (None without a gap), ``notes``.
    """
    raw = shown.raw
    aims, left_out = choose_aims(
        targets, raw.quarter, forecast=raw.target, nodes=raw.nodes, currency=shown.currency
    )
    courses, standing = past.courses(str(raw.quarter)), _standing(shown, past)
    aims, blind = _told_apart(aims, standing, past)
    told = [assess(aim, standing, courses, past.known) for aim in aims]
    main = _main(told)
    answer: dict[str, Any] = {
        "target": raw.target,
        "period": str(raw.quarter),
        "origin": raw.origin.isoformat(),
        "currency": shown.currency,
        "main_target": None if main is None else main["target_id"],
        "targets": told,
        "left_out": [
            {"target_id": one.target.target_id, "why": one.why} for one in [*left_out, *blind]
        ],
        "levers": [],
        "pipeline": None,
        "plan": None,
        "notes": [] if told or left_out or blind else [NO_TARGETS],
    }
    if shown.ground is None:
        answer["notes"].append(NO_GROUND)
        return answer
    return {**answer, **_work(shown, shown.ground, aims=aims, told=told, main=main)}


def quarter_chances(shown: Shown, targets: Sequence[Target]) -> list[dict[str, Any]]:
    """Return node, target_id, target_minor and p_hit (0-1) of targets that are for the quarter.

    Those of other periods stand in the gap's answer only: when the quarter ends they are not
    decided.
    """
    raw = shown.raw
    aims, _ = choose_aims(
        targets, raw.quarter, forecast=raw.target, nodes=raw.nodes, currency=shown.currency
    )
    bounds = raw.quarter.start, raw.quarter.end
    return [
        {
            "node": aim.node,
            "target_id": aim.target.target_id,
            "target_minor": aim.amount_minor,
            "p_hit": chance_to_reach(shown.grid_minor[raw.nodes.index(aim.node)], aim.amount_minor),
        }
        for aim in aims
        if (aim.target.start, aim.target.end) == bounds
    ]


def _told_apart(
    aims: Sequence[Aim], standing: Standing, past: Past
) -> tuple[list[Aim], list[LeftOut]]:
    """Leave out what covers an earlier quarter of which nothing is known: it would count as none.

    So of next quarter's forecast: what this one brings stands nowhere yet.
    """
    seen, blind = list[Aim](), list[LeftOut]()
    for aim in aims:
        unknown = unknown_quarters(aim, standing, past.known)
        if unknown:
            blind.append(LeftOut(aim.target, f"nothing is known yet of {_few(unknown)}"))
        else:
            seen.append(aim)
    return seen, blind


def _few(quarters: Sequence[str]) -> str:
    more = f" and {len(quarters) - MOST_NAMED} more" if len(quarters) > MOST_NAMED else ""
    return ", ".join(quarters[:MOST_NAMED]) + more


def _standing(shown: Shown, past: Past) -> Standing:
    raw = shown.raw
    nothing = np.full(len(raw.nodes), np.nan)
    conversion = raw.legs[CONVERSION].mean_minor if CONVERSION in raw.legs else nothing
    return Standing(
        raw.quarter,
        raw.origin,
        raw.nodes,
        raw.to_date_minor,
        shown.grid_minor,
        _open_due(shown),
        conversion,
        own_course(past.said, raw.quarter, origin=raw.origin),
    )


def _open_due(shown: Shown) -> FloatArray:
    known = {} if shown.ground is None else shown.ground.open_due_minor
    return np.array([known.get(node, np.nan) for node in shown.raw.nodes])


def _main(told: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the total's target: the quarter's own first, then the one with the nearest end."""
    total = [one for one in told if one["node"] == TOTAL]
    rank = {"quarter": 0, "several": 1, "part": 2}
    total.sort(key=lambda one: (rank[one["covers"]], one["ends_before"], one["target_id"]))
    return total[0] if total else None


def _work(
    shown: Shown,
    ground: Ground,
    *,
    aims: Sequence[Aim],
    told: Sequence[dict[str, Any]],
    main: Mapping[str, Any] | None,
) -> dict[str, Any]:
    base = ground.simulator.draws()
    grid = _aligned(shown, ground.simulator.nodes, base)
    goals = _goals(shown, told)
    served = Served(ground.simulator, base, grid, goals)
    gap = 0.0 if main is None else float(main["gap_minor"])
    levers, found = find_levers(ground), measure_yield(ground)
    create = None if found is None else create_lever(found, gap)
    levers += [create] if create is not None else []
    measured = [measure_lever(lever, served) for lever in levers]
    plan = None
    if gap > 0:
        gains = [float(one["delta_p50_minor"]) for one in measured]
        plan = cheapest_plan(levers, gains, served, gap_minor=gap)
    measured.sort(key=lambda one: (-one["delta_p50_minor"], one["lever"]))
    return {
        "levers": measured,
        "pipeline": None if found is None else _pipeline(found, create, gap),
        "plan": plan,
    }


def _goals(shown: Shown, told: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return by node what this quarter must bring for the first target of the node."""
    goals: dict[str, float] = {}
    for one in told:
        if one["covers"] != "part":
            at = shown.raw.nodes.index(one["node"])
            middle = float(shown.grid_minor[at, MEDIAN])
            goals.setdefault(one["node"], middle + one["gap_minor"])
    return goals


def _aligned(shown: Shown, nodes: Sequence[str], base: FloatArray) -> FloatArray:
    """Return the served quantiles of the simulator's nodes; a node not served is as simulated."""
    place = {node: at for at, node in enumerate(shown.raw.nodes)}
    return np.stack(
        [
            shown.grid_minor[place[node]] if node in place else grid_of(base[at])
            for at, node in enumerate(nodes)
        ]
    )


def _pipeline(found: PipelineYield, create: Lever | None, gap: float) -> dict[str, Any]:
    return {
        "yield_share": found.share,
        "to_create_minor": None if create is None else round(create.change.extra_pipeline_minor),
        "sentence": NO_PIPELINE if gap > 0 and not found.helps else None,
    }
