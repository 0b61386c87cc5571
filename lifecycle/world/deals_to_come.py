"""Deals that a world may yet open in a quarter: who they are, and how many of each to expect.

Five kinds: leads that are on their way to become deals, leads yet to come, deals that reps find,
customers who ask for more, and lost deals that are taken up again. Each is drawn from the law that
makes such deals; a path of the economy says how many to expect. Large deals are drawn more often
than they come and count for less each, so that few draws say what the quarter's money will be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_ahead import Coming, load_of
from lifecycle.world.deals_edits import MONTHS_PER_YEAR
from lifecycle.world.deals_moves import REOPEN_SHARE
from lifecycle.world.deals_new import (
    DISCOUNT_MEAN,
    EXPANSION,
    EXPANSION_MEDIAN,
    EXPANSION_SIGMA,
    FIT_QUALITY,
    HEALTH_QUALITY,
    KIND_QUALITY,
    MOMENTUM_SD,
    NEW_BUSINESS,
    QUALITY_SD,
    READY_SIGMA,
    READY_WEEKS,
    RETURN_SHARE,
    RETURN_WEEKS,
    RIVAL_QUALITY,
    RIVAL_SHARES,
    TAKEN_UP_SHARE,
)
from lifecycle.world.deals_record import LOST
from lifecycle.world.hazards import trigger_chance
from lifecycle.world.leads import (
    CHANNEL_QUALITY,
    CONVERTED,
    DISPERSION,
    FIT_CONVERSION,
)
from lifecycle.world.pipeline import NEW_WIN_RATE, OPENED_CLOSED_SHARE, REP_SHARE
from lifecycle.world.presets import CHANNELS, YEAR_DAYS
from lifecycle.world.sellers import CSM, REP
from lifecycle.world.selling_record import SellingRecord
from lifecycle.world.state import state_at
from lifecycle.world.trace import Trace

Floats = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

DRAWN = 48
"""Deals drawn for each kind and week."""

CONVERTS_WEEKLY = 0.45
"""Weekly chance that a lead on its way becomes a deal, from the week after it came."""

REP_FIT = 0.2
"""Mean fit of a prospect that a rep finds."""

LOOK_BACK_WEEKS = 26
"""Weeks whose losses say how many deals are lost, and taken up again, in a week."""

OFFICE_OPENS = 7.9 / 24
REOPENED_QUALITY = 0.3
"""What a deal that is taken up again gains in quality."""


Expected = tuple[Coming, Floats]
"""Deals that may be opened, and the expected number of each by path, shape (n, paths)."""


class Newcomers:
    """Draws the deals that may be opened from one week to the end of its quarter.

    Parameters
    ----------
    trace
        The world.
    record
        What its pipeline did.
    week
        The week; nothing that happens from its first day on is looked at.
    volume
        Shock on how many leads and deals come, shape (paths, weeks left).
    rng
        Where the draws come from.
    """

    def __init__(
        self, trace: Trace, record: SellingRecord, *, week: int, volume: Floats,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self._trace, self._record, self._week, self._rng = trace, record, week, rng
        self._weeks = volume.shape[1]
        season = record.calendar.season[week : week + self._weeks]
        people, params = record.people, trace.params
        is_rep, hired = people["role"] == REP, people["hired_week"]
        self._reps = np.flatnonzero(is_rep & (hired <= week) & (people["left_week"] >= week))
        self._csms = np.flatnonzero(people["role"] == CSM)
        planned = np.sum(is_rep & (hired <= 0))
        self._capacity = float(load_of(hired[self._reps], week).sum() / planned)
        weekly = params.wins_year * 7 / YEAR_DAYS / NEW_WIN_RATE
        self._mean = weekly * np.exp(season + volume)

    def under_way(self) -> Coming:
        """Return the deals that leads of before the week are about to become: each will come."""
        leads, first = self._record.leads, 7 * self._week
        due = (leads["fate"] == CONVERTED) & (leads["created"] < first) & (leads["closed"] >= first)
        rows = np.flatnonzero(due & (leads["closed"] < first + 7 * self._weeks))
        return self._deals(
            (leads["closed"][rows] // 7).astype(np.int64) - self._week,
            leads["owner"][rows],
            segment=leads["segment"][rows].astype(np.int64),
            quality=CHANNEL_QUALITY[leads["channel"][rows]] + FIT_QUALITY * leads["fit"][rows],
        )

    def to_come(self) -> Iterator[Expected]:
        """Yield the deals that nobody knows of yet, by kind and week of opening."""
        luck = self._lead_luck()
        for step in range(self._weeks):
            yield from self._from_leads(step, luck)
            yield from self._from_reps(step)
            yield from self._from_customers(step)
            yield from self._taken_up_again(step)

    # inside

    def _lead_luck(self) -> Floats:
        """Return deals that a week's new leads will become, shape (channels, paths, weeks)."""
        shares = np.array(self._trace.params.mix.channel_shares)
        size = (len(shares), *self._mean.shape)
        luck = self._rng.gamma(DISPERSION, 1 / DISPERSION, size)
        share = (shares / shares.sum())[:, None, None] * (1 - REP_SHARE)
        return np.asarray(share * luck * self._mean * np.sqrt(self._capacity))

    def _from_leads(self, step: int, luck: Floats) -> Iterator[Expected]:
        came = np.arange(step)
        if len(came) == 0:
            return
        chance = CONVERTS_WEEKLY * (1 - CONVERTS_WEEKLY) ** (step - came - 1)
        count = luck[:, :, came] @ chance
        segment, weight = self._segments()
        channel = self._rng.integers(0, len(count), DRAWN)
        # who converts has more fit: a normal tilted by the exponential of itself
        fit = self._rng.normal(FIT_CONVERSION, 1, DRAWN)
        quality = CHANNEL_QUALITY[channel] + FIT_QUALITY * fit
        deals = self._deals(step, self._owners(DRAWN), segment=segment, quality=quality)
        yield deals, count[channel] * (weight * len(count))[:, None]

    def _from_reps(self, step: int) -> Iterator[Expected]:
        deals, mean = self._record.deals, REP_SHARE * self._capacity * self._mean[:, step]
        before = self._lost(deals["closed"] < 7 * (self._week - RETURN_WEEKS))
        again = RETURN_SHARE if len(before) else 0.0
        segment, weight = self._segments()
        fit = self._rng.normal(REP_FIT, 1, DRAWN)
        quality = CHANNEL_QUALITY[CHANNELS.index("outbound")] + FIT_QUALITY * fit
        found = self._deals(step, self._owners(DRAWN), segment=segment, quality=quality)
        yield found, np.outer(weight * (1 - again), mean)
        if again:
            old, weight = self._choose(np.ones(len(before)), deals["list_minor"][before])
            old = before[old]
            quality = CHANNEL_QUALITY[deals["channel"][old]] + FIT_QUALITY * deals["fit"][old]
            segment = deals["segment"][old].astype(np.int64)
            found = self._deals(step, self._owners(DRAWN), segment=segment, quality=quality)
            yield found, np.outer(weight * again / len(before), mean)

    def _from_customers(self, step: int) -> Iterator[Expected]:
        state = state_at(self._trace, self._week)
        chance = TAKEN_UP_SHARE * trigger_chance(state, self._trace.params)
        if chance.sum() == 0:
            return
        rows, count = self._choose(chance, state.mrr_minor)
        growth = EXPANSION_MEDIAN * np.exp(self._rng.normal(0, EXPANSION_SIGMA, DRAWN))
        segment = state.segment[rows]
        owner = np.where(segment == 0, self._rng.choice(self._csms, DRAWN), self._owners(DRAWN))
        price = state.mrr_minor[rows] * np.clip(growth, 0.03, 1.5)
        quality = HEALTH_QUALITY * state.health[rows]
        deals = self._deals(step, owner, segment=segment, quality=quality, list_minor=price)
        yield deals, np.broadcast_to(count[:, None], (DRAWN, len(self._mean)))

    def _taken_up_again(self, step: int) -> Iterator[Expected]:
        deals, week = self._record.deals, self._week
        closed = deals["closed"]
        # nobody takes up again what operations closed, on Mondays before office hours
        lost = self._lost((closed >= 7 * (week - LOOK_BACK_WEEKS)) & (closed % 1 > OFFICE_OPENS))
        if len(lost) == 0:
            return
        again, weight = self._choose(np.ones(len(lost)), deals["list_minor"][lost])
        rows = lost[again]
        segment = deals["segment"][rows].astype(np.int64)
        found = self._deals(step, deals["owner"][rows], segment=segment, quality=0.0)
        skill = self._record.people["skill"][deals["owner"][rows]]
        price = deals["list_minor"][rows] * (1.0 - deals["final_discount"][rows])
        found = replace(
            found, start=found.start - 1, stage=self._rng.integers(1, 3, DRAWN),
            quality=deals["quality"][rows] + REOPENED_QUALITY + skill,
            ready=week + step + self._rng.gamma(2, 3, DRAWN), born=deals["week"][rows],
            at_once=np.zeros(DRAWN), amount_minor=price * MONTHS_PER_YEAR,
        )  # fmt: skip
        count = weight * REOPEN_SHARE / min(LOOK_BACK_WEEKS, max(week, 1))
        yield found, np.broadcast_to(count[:, None], (DRAWN, len(self._mean)))

    def _lost(self, when: npt.NDArray[np.bool_]) -> Ints:
        """Return the deals of new business lost before the week, and when asked for."""
        deals = self._record.deals
        lost = (deals["state"] == LOST) & (deals["kind"] == NEW_BUSINESS)
        return np.flatnonzero(lost & (deals["closed"] < 7 * self._week) & when)

    def _segments(self) -> tuple[Ints, Floats]:
        mix = self._trace.params.mix
        shares = np.array(mix.segment_shares)
        return self._choose(shares / shares.sum(), np.array(mix.mrr_median_minor))

    def _choose(self, intensity: Floats, size: Floats) -> tuple[Ints, Floats]:
        """Draw rows, the large ones more often; return them and how many of each to expect."""
        odds = intensity * np.sqrt(size)
        odds = odds / odds.sum()
        rows = self._rng.choice(len(odds), DRAWN, p=odds)
        return rows, intensity[rows] / (odds[rows] * DRAWN)

    def _owners(self, count: int) -> Ints:
        return np.asarray(self._rng.choice(self._reps, count))

    def _deals(
        self, step: Any, owner: Ints, *, segment: Ints, quality: Any, list_minor: Any = None
    ) -> Coming:
        """Fill in what is drawn when a deal is opened, so many weeks from now."""
        rng, count, people = self._rng, len(segment), self._record.people
        kind = NEW_BUSINESS if list_minor is None else EXPANSION
        mean, mix = DISCOUNT_MEAN[segment], self._trace.params.mix
        if list_minor is None:
            spread = np.array(mix.mrr_sigma)[segment] * rng.normal(0, 1, count)
            list_minor = np.array(mix.mrr_median_minor)[segment] * np.exp(spread) / (1 - mean)
        rival = rng.random(count) > RIVAL_SHARES[0]
        quality = quality + KIND_QUALITY[kind] + rng.normal(0, QUALITY_SD, count)
        wait = READY_WEEKS[kind, segment] * np.exp(rng.normal(0, READY_SIGMA, count))
        born = np.broadcast_to(self._week + np.asarray(step), (count,))
        return Coming(
            start=born + 1 - self._week,
            stage=np.zeros(count, np.int64),
            quality=quality + RIVAL_QUALITY * rival + people["skill"][owner],
            momentum=rng.normal(0, MOMENTUM_SD, count),
            ready=born + wait,
            kind=np.full(count, kind),
            segment=segment,
            hired=people["hired_week"][owner],
            born=born,
            at_once=np.full(count, OPENED_CLOSED_SHARE),
            amount_minor=MONTHS_PER_YEAR * list_minor * (1 - rng.beta(2, 2 / mean - 2)),
        )
