"""The truth about a quarter's recurring revenue: its expectation given every latent of a week.

Contracts that live go on by the law that made them; who leaves is weighed, not drawn. What deals
will add is the truth about bookings, at the ratio of MRR to bookings that the world shows and with
the usual spread over the weeks that are left; late comebacks come as often as they do on average.
Left out, as rare: notices that are taken back later on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from lifecycle.errors import UsageError
from lifecycle.periods import Quarter
from lifecycle.world.continuation import (
    Ahead,
    Moment,
    continue_world,
    draw_shocks,
    open_accounts,
    split_rows,
)
from lifecycle.world.deals_record import WON
from lifecycle.world.forecast_truth import bookings_truth
from lifecycle.world.presets import YEAR_DAYS, WorldParams
from lifecycle.world.selling_record import SellingRecord
from lifecycle.world.state import Floats, State, state_at
from lifecycle.world.trace import KINDS, Trace

DAY_SHARE = 12.0 / YEAR_DAYS
RENEWAL, REACTIVATION = KINDS.index("renewal"), KINDS.index("reactivation")
GRACE_DAYS = 30


@dataclass(frozen=True)
class RevenueTruth:
    """A quarter as seen from the start of a week, latents known: expectations, minor units.

    Parameters
    ----------
    revenue_minor
        Recurring revenue of the whole quarter.
    ending_minor
        ARR with which the quarter ends.
    renewals_minor
        Annual value of terms that end in the quarter and are renewed.
    """

    revenue_minor: float
    ending_minor: float
    renewals_minor: float


def revenue_truth(
    trace: Trace, week: int, *, quarter: Quarter, draws: int = 32, seed: int = 0
) -> RevenueTruth:
    """Return what is to be expected of a quarter, given all that is true at a week's start.

    Parameters
    ----------
    trace
        The world.
    week
        Of the world, inside the quarter.
    quarter
        What is looked at.
    draws
        Paths of the economy.
    seed
        Root of the continuations, apart from the world's own.

    Raises
    ------
    UsageError
        The world has no pipeline, or no such week.
    """
    day, start = 7 * week, trace.params.start
    first_day, end_day = (quarter.start - start).days, (quarter.end - start).days
    total: Floats = _known(trace, first_day, day) + _noticed(trace, week, end_day)
    rows, state = open_accounts(trace, day)
    weeks = -(-end_day // 7) - week
    shocks = draw_shocks(trace, day, weeks=weeks, draws=draws, seed=seed)
    for part in split_rows(len(rows), draws):
        tiled = state.take(np.repeat(part, draws))
        course = _Course(tiled, trace.params, end_day)
        ahead = Ahead(day, end_day, shocks, seed * 1_000_003 + int(part[0]))
        for moment in continue_world(trace.params, tiled, ahead):
            course.settle()
            course.live(moment)
        course.settle()
        total = total + course.sums() / draws
    total = total + _won(trace, week, end_day=end_day, seed=seed)
    return RevenueTruth(*(float(one) for one in total))


class _Course:
    """Who pays how much through the weeks, by element of the state."""

    def __init__(self, state: State, params: WorldParams, end_day: int) -> None:
        self._state, self._params, self._end = state, params, end_day
        count = len(state)
        self._stays, self._pays, self._noticed = np.ones(count), np.ones(count), np.zeros(count)
        self._mrr = state.mrr_minor.astype(np.float64)
        self._term, self._renews = np.full(count, -1), np.zeros(count, bool)
        self._revenue = self._renewed = 0.0

    def live(self, moment: Moment) -> None:
        """Let a span pass: decisions, ends, what is earned; renewals count once it is over."""
        span, state = moment.span, moment.state
        leaving = moment.hazards.by_cause(state, self._params) * self._stays
        self._stays = self._stays - leaving.sum(axis=0)
        self._noticed += leaving[0]
        at_once = leaving[1] + leaving[2]
        self._term = state.term_ends_day.copy()
        week = 7 * span.week
        ends = (self._term >= week) & (self._term < week + 7) & (self._term < self._end)
        going = np.where(ends, self._noticed, 0.0)
        lost = at_once * (span.last - span.first) / 2.0
        lost += going * np.clip(span.last - self._term, 0, 7)
        days = span.last - span.first
        self._revenue += float(self._mrr @ (self._pays * days - lost)) * DAY_SHARE
        self._pays = self._pays - at_once - going
        self._noticed = np.where(ends, 0.0, self._noticed)
        self._renews = ends
        kept = self._mrr - np.where(state.addon_noticed, state.addon_mrr_minor, 0)
        due = ends & (state.term_months > 1)
        self._renewed += 12.0 * float((kept * self._pays)[due].sum())
        self._last = span.last

    def settle(self) -> None:
        """Let the renewals of the span before take effect on the day of each."""
        rows = np.flatnonzero(self._renews)
        fresh = self._state.mrr_minor[rows].astype(np.float64)
        days = np.clip(self._last - self._term[rows], 0, 7) if len(rows) else 0
        gained = (fresh - self._mrr[rows]) * self._pays[rows]
        self._revenue += float((gained * days).sum()) * DAY_SHARE
        self._mrr[rows] = fresh
        self._renews[:] = False

    def sums(self) -> Floats:
        """Return revenue, ending ARR and renewals, summed over draws."""
        return np.array([self._revenue, 12.0 * float(self._mrr @ self._pays), self._renewed])


def _known(trace: Trace, first_day: int, day: int) -> Floats:
    """Return revenue and renewals of the days that have passed."""
    moves = trace.movements
    before = moves[moves["effective_day"] < day]
    delta = (before["mrr_after_minor"] - before["mrr_before_minor"]).astype(np.float64)
    days = np.maximum(day - np.maximum(before["effective_day"], first_day), 0)
    here = before[(before["kind"] == RENEWAL) & (before["effective_day"] >= first_day)]
    long = trace.lines.term_months[here["line"]] > 1
    renewed = 12.0 * float(here["mrr_before_minor"][long].sum())
    return np.array([float(delta @ days) * DAY_SHARE, 0.0, renewed])


def _noticed(trace: Trace, week: int, end_day: int) -> Floats:
    """Return what accounts under notice still bring."""
    state = state_at(trace, week)
    rows = np.flatnonzero(state.active & state.noticed)
    mrr, last = state.mrr_minor[rows].astype(np.float64), state.term_ends_day[rows]
    days = np.clip(np.minimum(last, end_day) - 7 * week, 0, None)
    return np.array([float(mrr @ days) * DAY_SHARE, 12.0 * float(mrr[last >= end_day].sum()), 0.0])


def _won(trace: Trace, week: int, *, end_day: int, seed: int) -> Floats:
    """Return what deals to be won and late comebacks will add."""
    told = bookings_truth(trace, week, seed=seed)
    day, moves = 7 * week, trace.movements
    added = (moves["mrr_after_minor"] - moves["mrr_before_minor"]).astype(np.float64)
    lived = (moves["effective_day"] >= 0) & (added > 0)
    dealt = lived & (moves["deal"] >= 0)
    weight, when = added[dealt], moves["effective_day"][dealt]
    # the rush before a quarter's end: how many of its days are left when deals are won
    left = np.array([_days_left(trace, one) for one in when])
    ahead = left <= end_day - day
    mean_days = float(np.average(left[ahead], weights=weight[ahead]))
    mrr = (told.mean_minor - told.closed_minor) * _mrr_share(trace, float(weight.sum()))
    late = lived & (moves["kind"] == REACTIVATION)
    rate = float(added[late].sum()) / (7.0 * trace.params.weeks)
    days = end_day - day
    revenue = mrr * mean_days + rate * days**2 / 2.0
    return np.array([revenue * DAY_SHARE, 12.0 * (mrr + rate * days), 0.0])


def _days_left(trace: Trace, day: int) -> int:
    at = trace.params.start + timedelta(days=int(day))
    return (Quarter.containing(at).end - at).days


def _mrr_share(trace: Trace, added_minor: float) -> float:
    """Return MRR that deals added over the annual value of those won, in the whole world."""
    record = trace.pipeline
    if not isinstance(record, SellingRecord):
        raise UsageError("a world without deals", "one with a pipeline", "choose another")
    deals = record.deals
    return added_minor / float(deals["amount"][deals["state"] == WON].sum())
