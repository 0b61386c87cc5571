"""What surrounds an account: its segment and country, the company's momentum, the season."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import ibis

from features.days import day_number
from lifecycle.snapshot import Snapshot

_DAY_SECONDS = 86_400


def build_accounts(snapshot: Snapshot) -> ibis.Table:
    """Build account_id, segment, country and the days since the account was created (UTC)."""
    accounts = snapshot.table("accounts")
    seconds = accounts.created_at.delta(ibis.timestamp("1970-01-01 00:00:00+00:00"), unit="second")
    return accounts.select(
        "account_id",
        "segment",
        "country",
        created_days=day_number(snapshot.day) - seconds // _DAY_SECONDS,
    )


def build_peers(sums: ibis.Table, by: str | None) -> ibis.Table:
    """Build the spend of all accounts that share a value of ``by`` (``None``: of all accounts).

    Returns
    -------
    ibis.Table
        ``by`` and, prefixed with it (or ``company``), ``_spend`` of the last 365 days and
        ``_momentum_ratio``: spend of the last 90 days over the same 90 days a year earlier.
    """
    name = by or "company"
    grouped = sums.group_by(f"{by}") if by else sums
    year_ago = sums.spend_year_ago_90d_minor.sum().nullif(0)
    return grouped.agg(
        **{
            f"{name}_spend": sums.spend_365d_minor.sum(),
            f"{name}_momentum_ratio": sums.spend_90d_minor.sum() / year_ago,
        }
    )


def build_first_order_day(snapshot: Snapshot, age_of: Any) -> ibis.Table:
    """Build one row: days since the first order known of any account or of none."""
    orders = snapshot.table("orders")
    first = orders.agg(first_ordered_at=orders.ordered_at.min())
    return first.select(history_days=age_of(first.first_ordered_at))


def season_of(day: date) -> dict[str, float]:
    """Return the as-of day's place in the year.

    Examples
    --------
    >>> season_of(date(2011, 4, 1))["month_sin"]
    1.0
    """
    turn = 2 * math.pi * (day.month - 1) / 12
    return {
        "month_sin": round(math.sin(turn), 12),
        "month_cos": round(math.cos(turn), 12),
        "day_of_year": float(day.timetuple().tm_yday),
    }
