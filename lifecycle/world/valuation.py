"""Money of a continued world: margin less cost to serve, discounted, while accounts stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifecycle.world.continuation import (
    Ahead,
    Moment,
    continue_world,
    draw_shocks,
    grow,
    measure_growing,
    open_accounts,
    split_rows,
)
from lifecycle.world.presets import YEAR_DAYS
from lifecycle.world.seams import TextArray
from lifecycle.world.seeds import Streams
from lifecycle.world.state import Floats, Ints
from lifecycle.world.trace import PRODUCT_ADDON, Trace

# a notice of 90 days is paid for during 13 weeks at most
PAID_WEEKS = 14


@dataclass(frozen=True)
class Terms:
    """How value is counted.

    Parameters
    ----------
    months
        How far to look.
    discount_share
        A year's discount.
    draws, seed
        How many continuations, and their root.
    leaving_is_drawn
        Departures are drawn (one future) instead of weighed (the expectation).
    """

    months: int
    discount_share: float
    draws: int
    seed: int
    leaving_is_drawn: bool


class _Purse:
    """What has come in so far, by element of the state; and who still pays."""

    def __init__(self, count: int) -> None:
        self.value = np.zeros(count)
        self._stays = np.ones(count)
        self._pays = np.ones(count)
        self._ending = np.zeros((PAID_WEEKS, count))

    def leave(self, moment: Moment, by_cause: Floats, luck: Floats | None) -> None:
        """Take out who decides to leave: at once, or at the end of the term that notice is for.

        ``by_cause`` are chances of shape (3, n); with ``luck`` they become decisions.
        """
        if luck is not None:
            edges = np.cumsum(by_cause, axis=0)
            by_cause = ((luck < edges) & (luck >= edges - by_cause)).astype(np.float64)
        leaving = by_cause * self._stays
        self._stays -= leaving.sum(axis=0)
        state, week = moment.state, moment.span.week
        after = np.clip(state.term_ends_day // 7 - week, 0, PAID_WEEKS - 1)
        rows = np.arange(len(state))
        self._ending[week % PAID_WEEKS] += leaving[1] + leaving[2]
        self._ending[(week + after) % PAID_WEEKS, rows] += leaving[0]

    def earn(self, moment: Moment, weekly_minor: Floats) -> None:
        """Add a span's money; those whose pay ends in it pay half of it."""
        week = moment.span.week % PAID_WEEKS
        self.value += weekly_minor * (self._pays - 0.5 * self._ending[week])
        self._pays -= self._ending[week]
        self._ending[week] = 0.0


def value_accounts(trace: Trace, day: int, terms: Terms) -> tuple[TextArray, Floats]:
    """Return ids and value of the accounts that are open on a day, both of shape (n,).

    Parameters
    ----------
    trace
        The world.
    day
        Days since its start.
    terms
        How value is counted; minor units.
    """
    rows, state = open_accounts(trace, day)
    last = day + round(terms.months * YEAR_DAYS / 12.0)
    weeks = -(-last // 7) - day // 7
    shocks = draw_shocks(trace, day, weeks=weeks, draws=terms.draws, seed=terms.seed)
    growing = measure_growing(trace)
    value = np.empty(len(rows))
    for part in split_rows(len(rows), terms.draws):
        tiled = np.repeat(part, terms.draws)
        seed = terms.seed * 1_000_003 + int(part[0])
        ahead = Ahead(day, last, shocks, seed)
        rng = Streams(seed).rng(f"value-{day}")
        purse = _Purse(len(tiled))
        money = _Money(trace, rows[tiled], terms)
        for moment in continue_world(trace.params, state.take(tiled), ahead):
            luck = rng.random(len(tiled)) if terms.leaving_is_drawn else None
            purse.leave(moment, moment.hazards.by_cause(moment.state, trace.params), luck)
            purse.earn(moment, money.of(moment, day))
            grow(moment, trace.params, growing, rng)
        value[part] = purse.value.reshape(len(part), terms.draws).mean(axis=1)
    return trace.accounts.account_id[rows], value


class _Money:
    """What a span brings if an account stays: discounted margin less cost to serve."""

    def __init__(self, trace: Trace, rows: Ints, terms: Terms) -> None:
        margins = np.array(trace.params.mix.margin_share)
        self._base = margins[base_products(trace)[rows]]
        self._addon = margins[PRODUCT_ADDON]
        self._serve = trace.accounts.serve_cost_minor[rows].astype(np.float64)
        self._discount = np.log1p(terms.discount_share)

    def of(self, moment: Moment, day: int) -> Floats:
        state, span = moment.state, moment.span
        base = (state.mrr_minor - state.addon_mrr_minor) * self._base
        margin = base + state.addon_mrr_minor * self._addon
        years = (0.5 * (span.first + span.last) - day) / YEAR_DAYS
        months = (span.last - span.first) / YEAR_DAYS * 12.0
        money: Floats = (margin - self._serve) * months * np.exp(-self._discount * years)
        return money


def base_products(trace: Trace) -> Ints:
    """Return the product of each account's first base line, a code into ``PRODUCTS``."""
    base = np.flatnonzero(trace.lines.product != PRODUCT_ADDON)
    accounts, first = np.unique(trace.lines.account[base], return_index=True)
    products = np.zeros(len(trace.accounts.segment), np.int64)
    products[accounts] = trace.lines.product[base[first]]
    return products
