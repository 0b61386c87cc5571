"""Which past days are learned from and which are judged, always a whole horizon apart."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import month_starts
from models.base import Examples
from training.labels import check_closed

WARMUP_DAYS = 90
ENOUGH_ORIGINS = 3
LEAST_SLICES = 3


@dataclass(frozen=True)
class OriginRule:
    """How many past origins are wanted, and how much each must have seen.

    Attributes
    ----------
    most, enough
        Origins looked for; with fewer than ``enough`` one horizon apart, they lie half a horizon
        apart.
    span_share
        Least share of the served model's span that could be learned from at an origin.
    waits
        Early origins at which a candidate lacked events, but no longer lacks them, are passed
        over rather than the candidate left out.
    """

    most: int = 4
    enough: int = ENOUGH_ORIGINS
    span_share: float = 0.5
    waits: bool = False


ORDER_ORIGINS = OriginRule()
CONTRACT_ORIGINS = OriginRule(most=8, enough=8, span_share=0.3, waits=True)


@dataclass(frozen=True)
class GatePlan:
    """Where the candidates are judged.

    Attributes
    ----------
    horizon_days
        Horizon of the judgement; shorter than the model's when history holds no past origin of
        the full horizon.
    origins
        Past days, oldest first; each is judged on ``[origin, origin + horizon_days)`` by models
        fitted on windows that ended by the origin.
    note
        What a reader has to know about this judgement.
    first_day
        First day of whole facts, from which the grids of all origins start.
    lag_days
        Days until an outcome is on record: so long before a day windows have to have ended.
    """

    horizon_days: int
    origins: tuple[date, ...]
    note: str
    first_day: date
    lag_days: int = 0

    def learn_days(self, known_on: date, *, horizon_days: int | None = None) -> list[date]:
        """List the days to learn from on a day; the horizon is the judgement's unless given."""
        ripe = known_on - timedelta(days=self.lag_days)
        return grid_days(self.first_day, ripe, horizon_days=horizon_days or self.horizon_days)


def grid_days(first_day: date, as_of: date, *, horizon_days: int) -> list[date]:
    """List the days to learn from: month starts, and the freshest day whose window has ended.

    Parameters
    ----------
    first_day
        Day of the first fact; the grid starts ``WARMUP_DAYS`` later, so that features have a past.
    as_of
        The day training stands on; every window on the grid has ended by it, so that between the
        last day learned from and an origin judged lies a gap of one horizon.
    horizon_days
        Length of the label window (days).

    Returns
    -------
    list of date
        Sorted; empty when history is too short.

    Examples
    --------
    >>> [str(day) for day in grid_days(date(2011, 1, 1), date(2011, 9, 1), horizon_days=90)]
    ['2011-04-01', '2011-05-01', '2011-06-01', '2011-06-03']
    """
    start = first_day + timedelta(days=WARMUP_DAYS)
    last = as_of - timedelta(days=horizon_days)
    return sorted({*month_starts(start, last), last}) if last >= start else []


def plan_gate(
    first_day: date,
    as_of: date,
    *,
    horizon_days: int,
    rule: OriginRule = ORDER_ORIGINS,
    lag_days: int = 0,
) -> GatePlan:
    """Choose the past origins on which candidates are compared.

    Origins lie one horizon apart, so that no outcome is judged twice; where that gives fewer than
    ``rule.enough``, half a horizon apart. An origin counts only if what could be learned there
    resembles what the served model learns from: ``LEAST_SLICES`` grid days whose windows ended by
    it, spanning at least ``rule.span_share`` of the served model's span. (A model that has seen
    half a year says little about the same model after two.) A horizon for which history holds
    fewer than two origins is judged at a half, then a quarter, of itself.

    Parameters
    ----------
    first_day
        Day of the first fact.
    as_of
        The day training stands on.
    horizon_days
        The model's horizon (days).
    rule
        How many origins, and how much each must have seen.
    lag_days
        Days until an outcome is on record.

    Returns
    -------
    GatePlan
        ``origins`` is empty when even a quarter of the horizon has no past origin.
    """
    start, ripe = first_day + timedelta(days=WARMUP_DAYS), as_of - timedelta(days=lag_days)
    served = (ripe - start).days - horizon_days
    for part in (1, 2, 4):
        days = max(horizon_days // part, 1)
        least = timedelta(days=lag_days + days + math.ceil(served * rule.span_share))
        frame = GatePlan(days, (), "", first_day, lag_days)
        origins, step = _find_origins(frame, ripe, earliest=start + least, rule=rule)
        if len(origins) >= 2:
            note = _note(origins, step, days, full=horizon_days)
            return replace(frame, origins=tuple(origins), note=note)
    note = f"no past origins within {(as_of - first_day).days} days of history; the simplest serves"
    return GatePlan(horizon_days, (), note, first_day, lag_days)


def frame_days(plan: GatePlan, as_of: date, *, horizon_days: int) -> set[date]:
    """Return every day whose frame a training run reads."""
    days = set(plan.learn_days(as_of, horizon_days=horizon_days))
    for origin in plan.origins:
        days |= {origin, *plan.learn_days(origin)}
    return days


def check_split(examples: Examples, known_on: date) -> None:
    """Refuse examples of which any label window was open on ``known_on``.

    Raises
    ------
    NotEnoughHistoryError
        Names the first day whose window had not ended.
    """
    if len(examples.as_of) == 0:
        raise NotEnoughHistoryError(
            f"no example whose window ended by {known_on}",
            f"{WARMUP_DAYS} + {examples.horizon_days} days of history",
            "ingest a longer history or shorten the horizon",
        )
    latest = np.max(examples.as_of).astype("datetime64[D]").item()
    check_closed(latest, known_on, horizon_days=examples.horizon_days)


def _find_origins(
    plan: GatePlan, ripe: date, *, earliest: date, rule: OriginRule
) -> tuple[list[date], int]:
    horizon = plan.horizon_days
    last = ripe - timedelta(days=horizon)
    for step in (horizon, max(horizon // 2, 1)):
        days = [last - timedelta(days=step * back) for back in range(rule.most)]
        found = [
            day for day in days if day >= earliest and len(plan.learn_days(day)) >= LEAST_SLICES
        ]
        if len(found) >= rule.enough:
            break
    return sorted(found), step


def _note(origins: list[date], step: int, days: int, *, full: int) -> str:
    text = f"judged on {len(origins)} past origins, {step} days apart"
    if step < days:
        text += ", so their windows overlap and their errors are not independent"
    if days < full:
        text += (
            f"; history holds no two past origins of {full} days, so the method was chosen at"
            f" {days} days and refitted at {full}: its error at {full} days is not measured"
        )
    return text
