"""What changes when a term ends and the account stays: the term, the price, sometimes the size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifecycle.world.dates import shift_months
from lifecycle.world.hazards import contraction_chance, growth_chance
from lifecycle.world.presets import YEAR_DAYS, WorldParams
from lifecycle.world.state import Bools, Floats, Ints, State

LARGEST_UPLIFT = 0.15


@dataclass(frozen=True)
class Renewal:
    """New terms of the accounts that renew in a week, all arrays over those accounts.

    Parameters
    ----------
    rows
        Which accounts.
    day
        Their renewal day.
    base_minor, addon_minor
        MRR of each line after the new price, before any change of size.
    scale
        MRR and seats of the base line after over before; 1 = as before, less = a contraction.
    """

    rows: Ints
    day: Ints
    base_minor: Ints
    addon_minor: Ints
    scale: Floats


def draw_renewals(
    state: State, params: WorldParams, due: Bools, rng: np.random.Generator
) -> Renewal:
    """Price the renewals of a week; nothing is changed yet.

    Parameters
    ----------
    state
        At the start of the week, decisions of the week already made.
    params
        The world.
    due
        Whose term ends in the week and goes on.
    rng
        Where contractions and growth come from.
    """
    rows = np.flatnonzero(due)
    some = state.take(rows)
    growth = params.growth
    base = np.rint((some.mrr_minor - some.addon_mrr_minor) * (1.0 + some.uplift)).astype(np.int64)
    addon = np.rint(some.addon_mrr_minor * (1.0 + some.uplift)).astype(np.int64)
    noise, luck = rng.standard_normal(len(rows)), rng.random((2, len(rows)))
    cut = growth.contraction_median * np.exp(growth.contraction_sigma * noise)
    more = growth.growth_median * np.exp(growth.growth_sigma * noise)
    grows = luck[0] < growth_chance(some, params)
    scale = np.where(grows, 1.0 + np.clip(more, 0.02, 1.0), 1.0)
    shrinks = luck[1] < contraction_chance(some, params)
    scale = np.where(shrinks, 1.0 - np.clip(cut, 0.06, 0.60), scale)
    return Renewal(rows, some.term_ends_day, base, addon, scale)


def renew(
    state: State, params: WorldParams, renewal: Renewal, *, price: Floats, rng: np.random.Generator
) -> Ints:
    """Begin the next term of renewing accounts, in place.

    Parameters
    ----------
    state
        Changed.
    params
        The world.
    renewal
        Of ``draw_renewals``; a second line that gave notice ends here.
    price
        Macro shock on the price change asked for at the following renewal (a share), one
        number or one by renewing account.
    rng
        Where the price changes come from.

    Returns
    -------
    MRR of the base line after price and size, shape of ``renewal.rows``.
    """
    rows = renewal.rows
    base = np.rint(renewal.base_minor * renewal.scale).astype(np.int64)
    addon = np.where(state.addon_noticed[rows], 0, renewal.addon_minor)
    state.mrr_minor[rows], state.addon_mrr_minor[rows] = base + addon, addon
    state.seats[rows] *= renewal.scale
    state.addon_noticed[rows] = False
    state.term_ends_day[rows] = next_term_end(state, params, rows, renewal.day)
    state.uplift[rows] = draw_uplift(state.take(rows), params, price, rng)
    return base


def next_term_end(state: State, params: WorldParams, rows: Ints, after: Ints) -> Ints:
    """Return the first end of a term later than a day, counted from the contract's start."""
    anchor, term = state.contract_started_day[rows], state.term_months[rows]
    passed = np.rint((after - anchor) / YEAR_DAYS * 12.0 / term).astype(np.int64)
    end = shift_months(anchor, passed * term, params.start).astype(np.int64)
    later = shift_months(anchor, (passed + 1) * term, params.start).astype(np.int64)
    return np.where(end > after, end, later)


def draw_uplift(
    some: State, params: WorldParams, price: Floats, rng: np.random.Generator
) -> Floats:
    """Return the price change of the term that begins now, due when it ends (a share).

    Monthly plans change their price once a year only; long terms by more than a year's worth.

    Parameters
    ----------
    some
        Accounts whose term begins, with ``term_ends_day`` already set.
    params
        The world.
    price
        Macro shock, added.
    rng
        Where sizes come from.
    """
    growth = params.growth
    days = some.term_ends_day - some.contract_started_day
    months = np.rint(days / YEAR_DAYS * 12.0).astype(np.int64)
    scale = np.sqrt(np.maximum(some.term_months, 12) / 12.0)
    noise = rng.standard_normal(len(some))
    raw = scale * (growth.uplift_mean + price + growth.uplift_sd * noise)
    uplift = np.round(np.clip(raw, -0.05, LARGEST_UPLIFT), 3)
    applies = rng.random(len(some)) < growth.uplift_share
    return np.where(applies & ((some.term_months > 1) | (months % 12 == 0)), uplift, 0.0)
