"""Where accounts come from: the base that is there when the clock starts, and won deals."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.dates import shift_months
from lifecycle.world.presets import NOTICES, TERMS, YEAR_DAYS, WorldParams
from lifecycle.world.renewals import draw_uplift
from lifecycle.world.seams import NewBusiness, account_name
from lifecycle.world.state import Floats, Ints, State
from lifecycle.world.trace import Accounts

OLDEST_YEARS = 7.0
LEAVE_RATE_YEAR = (0.26, 0.15, 0.09)
# how strongly lasting traits thin out a cohort while it ages, before the clock starts
SELECTION = (0.55, -0.25)

Columns = dict[str, npt.NDArray[Any]]


def draw_codes(shares: npt.ArrayLike, rng: np.random.Generator) -> Ints:
    """Draw a code from shares along the last axis, one for each row of the others."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64), axis=-1)
    luck = rng.random(edges.shape[:-1])[..., None] * edges[..., -1:]
    codes: Ints = (luck >= edges).sum(axis=-1).astype(np.int64)
    return codes


def build_base(params: WorldParams, rng: np.random.Generator) -> Columns:
    """Draw the accounts that hold a contract on day 0: survivors, not a fresh cohort.

    Starts are uniform over seven years and thinned by a rough survival that depends on segment,
    frailty and fit, as left truncation does in a real company.
    """
    mix, count = params.mix, params.initial_accounts
    drawn = _starts(params, 12 * count, rng)
    rows = np.flatnonzero(drawn.pop("survives"))[:count]
    columns = {name: values[rows] for name, values in drawn.items()}
    segment = columns["segment"]
    for name in ("industry", "region", "channel"):
        shares = getattr(mix, f"{name}_shares")
        columns[name] = draw_codes(np.tile(shares, (count, 1)), rng)
    size = np.array(mix.mrr_sigma)[segment] * rng.standard_normal(count)
    mrr = np.array(mix.mrr_median_minor)[segment] * np.exp(size)
    columns["discount_share"] = np.round(0.4 * rng.beta(1.5, 5.0, count), 3)
    list_price = np.array(mix.seat_price_minor)[segment] * (1.0 - columns["discount_share"])
    columns["seats"] = np.maximum(np.rint(mrr / list_price), 1.0)
    columns["mrr_minor"] = np.rint(columns["seats"] * list_price).astype(np.int64)
    columns["term_months"] = np.array(TERMS)[draw_codes(np.array(mix.term_shares)[segment], rng)]
    columns["account_id"] = np.array([account_name(at) for at in range(count)], dtype=object)
    columns["created_day"] = columns["started_day"] - rng.integers(10, 120, count)
    columns["created_week"] = np.zeros(count, np.int64)
    columns["deal"] = np.full(count, -1)
    return _agreements(params, columns, rng)


def build_newcomers(
    params: WorldParams, won: NewBusiness, week: int, rng: np.random.Generator
) -> Columns:
    """Turn deals won in a week into accounts, whose columns count from the next week on."""
    columns: Columns = {
        name: getattr(won, name)
        for name in ("account_id", "segment", "industry", "region", "channel", "fit", "seats")
    }
    for name in ("mrr_minor", "term_months", "discount_share"):
        columns[name] = getattr(won, name)
    count = len(won.account_id)
    columns["frailty"] = rng.standard_normal(count)
    columns["started_day"], columns["created_day"] = won.closed_day, won.lead_day
    columns["created_week"] = np.full(count, week + 1)
    columns["deal"] = won.deal_index
    return _agreements(params, columns, rng)


def build_state(
    params: WorldParams, columns: Columns, price: Floats, rng: np.random.Generator
) -> State:
    """Return the state in which drawn accounts begin.

    Parameters
    ----------
    params
        The world.
    columns
        Of ``build_base`` or ``build_newcomers``.
    price
        Macro shock on the price change of their next renewal, one number.
    rng
        Where health comes from.
    """
    count = len(columns["segment"])
    started, term = columns["started_day"].astype(np.int64), columns["term_months"]
    zeros = np.zeros(count)
    health = params.latents.fit_weight * columns["fit"]
    values: dict[str, Any] = {
        "base": health + params.latents.base_sd * rng.standard_normal(count),
        **{name: zeros.copy() for name in ("champion", "incident", "competitor", "pay_trouble")},
        "uplift": zeros.copy(),
        "term_ends_day": _first_end(params, started, term),
        "contract_started_day": started,
        "active": np.ones(count, np.bool_),
        "noticed": np.zeros(count, np.bool_),
        "addon_noticed": np.zeros(count, np.bool_),
    }
    for one in fields(State):
        if one.name not in values:
            kind = np.int64 if one.type == "Ints" else np.float64
            values[one.name] = np.asarray(columns[one.name]).astype(kind)
    state = State(**values)
    state.uplift = draw_uplift(state, params, price, rng)
    return state


def gather_accounts(chunks: list[Columns]) -> Accounts:
    """Join the columns of all accounts that were ever born."""
    kinds: dict[str, Any] = {
        "TextArray": np.object_,
        "CodeArray": np.int8,
        "DayArray": np.int32,
        "SmallFloats": np.float32,
        "Flags": np.bool_,
    }
    joined = {
        one.name: np.concatenate([chunk[one.name] for chunk in chunks]).astype(
            kinds.get(str(one.type), np.int16)
        )
        for one in fields(Accounts)
    }
    return Accounts(**joined)


def _starts(params: WorldParams, count: int, rng: np.random.Generator) -> Columns:
    segment = draw_codes(np.tile(params.mix.segment_shares, (count, 1)), rng)
    frailty, fit = rng.standard_normal(count), rng.standard_normal(count)
    years = OLDEST_YEARS * rng.random(count)
    lasting = np.exp(SELECTION[0] * params.risk.frailty * frailty + SELECTION[1] * fit)
    rate = np.array(LEAVE_RATE_YEAR)[segment] * lasting
    return {
        "segment": segment,
        "frailty": frailty,
        "fit": fit,
        "started_day": (-np.ceil(years * YEAR_DAYS)).astype(np.int64) - 1,
        "survives": rng.random(count) < np.exp(-rate * years),
    }


def _agreements(params: WorldParams, columns: Columns, rng: np.random.Generator) -> Columns:
    """Add what every contract says, whoever sold it: notice, billing, product, service."""
    mix, segment = params.mix, columns["segment"]
    count, monthly = len(segment), columns["term_months"] == 1
    auto = monthly | (rng.random(count) < mix.auto_renew_share)
    notice = np.array(NOTICES)[draw_codes(np.array(mix.notice_shares)[segment], rng)]
    columns["auto_renew"] = auto
    columns["notice_days"] = np.where(monthly | ~auto, 0, notice)
    columns["product"] = draw_codes(np.array(mix.product_shares)[segment], rng)
    billing = np.array([1, 3, 12])[draw_codes(np.tile([0.35, 0.15, 0.5], (count, 1)), rng)]
    columns["billing_months"] = np.where(monthly, 1, billing)
    columns["payment_terms_days"] = np.where(monthly, 14, 15 + 15 * rng.integers(0, 4, count))
    noise = np.exp(mix.serve_cost_sigma * rng.standard_normal(count))
    median = np.array(mix.mrr_median_minor)[segment]
    size = np.sqrt(columns["mrr_minor"] / median)
    columns["serve_cost_minor"] = np.array(mix.serve_cost_minor)[segment] * noise * size
    second = rng.random(count) < mix.addon_share
    columns["addon_mrr_minor"] = np.rint(second * mix.addon_ratio * columns["mrr_minor"])
    columns["csm"] = rng.integers(0, params.csm_count, count)
    return columns


def _first_end(params: WorldParams, started: Ints, term: Ints) -> Ints:
    """Return the first end of a term on or after the start of the clock, and after the start."""
    passed = np.maximum(np.floor(-started / YEAR_DAYS * 12.0 / term) - 1, 0).astype(np.int64)
    end = shift_months(started, (passed + 1) * term, params.start).astype(np.int64)
    for step in (2, 3):
        later = shift_months(started, (passed + step) * term, params.start).astype(np.int64)
        end = np.where(end >= 0, end, later)
    return end
