"""Deals continued by the law that made them: the chance of each to be won before a quarter ends.

Given the economy deals are independent, and where a deal stands is a Markov chain, so its chance
is summed exactly forwards over the stages; only its momentum is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_moves import SWEEP_AGE_WEEKS
from lifecycle.world.deals_new import MOMENTUM_MEMORY, MOMENTUM_SD
from lifecycle.world.deals_rates import (
    BASE,
    SPEED,
    STAGES,
    DealLaw,
    Deals,
    Mood,
    law_of,
    multipliers,
)
from lifecycle.world.sellers import RAMP_FLOOR, RAMP_WEEKS, UNRAMPED_QUALITY
from lifecycle.world.selling_record import SellingRecord

Floats = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Coming:
    """Deals to continue, arrays of shape (n,).

    Attributes
    ----------
    start
        Weeks from now to the first week in which the law decides on it.
    stage, quality, momentum, ready, kind, segment
        As in ``DEALS``; quality counts the owner's skill but not what a new owner lacks.
    hired
        Week in which the owner was hired.
    born
        Week in which it was opened.
    at_once
        Chance that it is entered when it is won already.
    amount_minor
        Annual value if won, minor units.
    """

    start: Ints
    stage: Ints
    quality: Floats
    momentum: Floats
    ready: Floats
    kind: Ints
    segment: Ints
    hired: Ints
    born: Ints
    at_once: Floats
    amount_minor: Floats

    def __len__(self) -> int:
        return len(self.start)

    @property
    def speed(self) -> Floats:
        """Multiplier of all rates, shape (n,)."""
        return np.asarray(SPEED[self.kind, self.segment])

    def take(self, rows: Ints) -> Coming:
        """Return chosen deals."""
        return Coming(*(getattr(self, one.name)[rows] for one in fields(self)))

    @staticmethod
    def join(parts: Sequence[Coming]) -> Coming:
        """Return the deals of all parts, in order; at least one part."""
        return Coming(
            *(np.concatenate([getattr(one, at.name) for one in parts]) for at in fields(Coming))
        )


def unramped(hired: Ints, week: int) -> Floats:
    """Return what deals lack in quality in a week because their owner is new, shape (n,)."""
    return np.asarray(UNRAMPED_QUALITY * (1 - load_of(hired, week)) / (1 - RAMP_FLOOR))


def load_of(hired: Ints, week: int) -> Floats:
    """Return the share of a full load that owners carry in a week, shape (n,)."""
    tenure = (week - hired.astype(np.float64)) / RAMP_WEEKS
    return np.clip(RAMP_FLOOR + (1 - RAMP_FLOOR) * tenure, RAMP_FLOOR, 1)


def chances_to_win(
    record: SellingRecord, deals: Coming, *, week: int, win: Floats, rng: np.random.Generator
) -> Floats:
    """Return each deal's chance to be won before the quarter ends, shape (n, paths).

    Parameters
    ----------
    record
        What the pipeline did: its calendar and its law.
    deals
        The deals, n of them.
    week
        The present week.
    win
        Shock on winning, shape (paths, weeks left).
    rng
        Draws of how deals go for the moment.
    """
    calendar, count = record.calendar, win.shape[1]
    shape = (len(deals.start), len(win))
    momentum = np.broadcast_to(deals.momentum[:, None], shape).astype(np.float32)
    place = np.zeros((len(STAGES), *shape), np.float32)
    won = np.zeros(shape, np.float32)
    spread = np.float32(MOMENTUM_SD * np.sqrt(1 - MOMENTUM_MEMORY**2))
    for step in range(int(deals.start.min()), count):
        now = week + step
        begins = np.flatnonzero(deals.start == step)
        place[deals.stage[begins], begins] = 1.0
        if step and calendar.sweep[now]:
            place[:, now - deals.born > SWEEP_AGE_WEEKS[deals.segment]] = 0.0
        mood = Mood(now / calendar.weeks, float(calendar.push[now]), win[:, step].astype("f4"))
        parts = _multipliers(deals, momentum, mood, law=law_of(record.params.variant), week=now)
        place, gain = _step(place, parts)
        won += gain * np.float32(calendar.early_share[now])
        noise = rng.standard_normal(shape, np.float32)
        momentum = np.float32(MOMENTUM_MEMORY) * momentum + spread * noise
    at_once = deals.at_once[:, None]
    return np.asarray(at_once + (1 - at_once) * won, np.float64)


def _multipliers(
    deals: Coming, momentum: Floats, mood: Mood, *, law: DealLaw, week: int
) -> tuple[Floats, Floats, Floats]:
    quality = (deals.quality + unramped(deals.hired, week)).astype(np.float32)
    columns = (deals.ready - week, deals.speed, deals.segment == 2)
    ready, speed, enterprise = (one.astype(np.float32)[:, None] for one in columns)
    return multipliers(Deals(quality[:, None] + momentum, ready, speed, enterprise), mood, law)


def _step(place: Floats, parts: tuple[Floats, Floats, Floats]) -> tuple[Floats, Floats]:
    """Return where deals stand a week later (stages, n, paths), and the share won (n, paths).

    As ``deals_rates.event_chances``, whose chances are not set out one by one: half the time.
    """
    win, lose, move = parts
    gained = np.zeros_like(win)
    after = np.zeros_like(place)
    for stage, (base_win, base_lose, forward, skip, back) in enumerate(BASE):
        total = base_win * win + base_lose * lose + (forward + skip + back) * move
        stays = np.exp(-total)
        leaves = place[stage] * (1 - stays) / total
        gained += leaves * base_win * win
        after[stage] += place[stage] * stays
        leaves *= move
        for rate, to in ((forward, stage + 1), (skip, stage + 2), (back, stage - 1)):
            if rate:
                after[min(to, len(BASE) - 1)] += rate * leaves
    return after, gained
