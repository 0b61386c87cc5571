"""Which past days are learned from and which are judged, always a whole horizon apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import month_starts
from models.base import Examples
from training.labels import check_closed

WARMUP_DAYS = 90
MOST_ORIGINS = 4
ENOUGH_ORIGINS = 3
LEAST_SLICES = 3
LEAST_SPAN_SHARE = 0.5


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
        Day of the first known order, from which the grids of all origins start.
    """

    horizon_days: int
    origins: tuple[date, ...]
    note: str
    first_day: date


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


def plan_gate(first_day: date, as_of: date, *, horizon_days: int) -> GatePlan:
    """Choose the past origins on which candidates are compared.

    Origins lie one horizon apart, so that no outcome is judged twice; where that gives fewer than
    ``ENOUGH_ORIGINS``, half a horizon apart. An origin counts only if what could be learned there
    resembles what the served model learns from: ``LEAST_SLICES`` grid days whose windows ended by
    it, spanning at least ``LEAST_SPAN_SHARE`` of the served model's span. (A model that has seen
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

    Returns
    -------
    GatePlan
        ``origins`` is empty when even a quarter of the horizon has no past origin.
    """
    start = first_day + timedelta(days=WARMUP_DAYS)
    served = (as_of - start).days - horizon_days
    for part in (1, 2, 4):
        days = max(horizon_days // part, 1)
        ripe = start + timedelta(days=days + math.ceil(served * LEAST_SPAN_SHARE))
        origins, step = _find_origins(first_day, as_of, horizon_days=days, ripe=ripe)
        if len(origins) >= 2:
            note = _note(origins, step, days, full=horizon_days)
            return GatePlan(days, tuple(origins), note, first_day)
    note = f"no past origins within {(as_of - first_day).days} days of history; the simplest serves"
    return GatePlan(horizon_days, (), note, first_day)


def frame_days(plan: GatePlan, as_of: date, *, horizon_days: int) -> set[date]:
    """Return every day whose frame a training run reads."""
    days = set(grid_days(plan.first_day, as_of, horizon_days=horizon_days))
    for origin in plan.origins:
        past = grid_days(plan.first_day, origin, horizon_days=plan.horizon_days)
        days |= {origin, *past}
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
    first_day: date, as_of: date, *, horizon_days: int, ripe: date
) -> tuple[list[date], int]:
    last = as_of - timedelta(days=horizon_days)
    for step in (horizon_days, max(horizon_days // 2, 1)):
        days = [last - timedelta(days=step * back) for back in range(MOST_ORIGINS)]
        found = [day for day in days if _is_ripe(first_day, day, horizon_days, ripe=ripe)]
        if len(found) >= ENOUGH_ORIGINS:
            break
    return sorted(found), step


def _is_ripe(first_day: date, origin: date, horizon_days: int, *, ripe: date) -> bool:
    learned = grid_days(first_day, origin, horizon_days=horizon_days)
    return origin >= ripe and len(learned) >= LEAST_SLICES


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
