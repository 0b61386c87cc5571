"""What surrounds an account: its segment and country, the company's momentum, the season."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import ibis

from features.clock import Clock
from features.days import local_day
from features.orders import day_of_order
from lifecycle.snapshot import Snapshot

_UTC = ZoneInfo("UTC")


def build_accounts(snapshot: Snapshot, clock: Clock) -> ibis.Table:
    """Build account_id, segment, country and the days since the account was created (UTC)."""
    accounts = snapshot.known("accounts", clock.as_of)
    created = local_day(accounts.created_at, _UTC, first=snapshot.as_of, last=snapshot.as_of)
    return accounts.select("account_id", "segment", "country", created_days=clock.today - created)


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


def build_first_order_day(snapshot: Snapshot, clock: Clock) -> ibis.Table:
    """Build one row: days since the first order known of any account or of none."""
    orders = snapshot.known("orders", clock.as_of)
    first = orders.agg(first_ordered_at=orders.ordered_at.min())
    return first.select(history_days=clock.today - day_of_order(snapshot, first.first_ordered_at))
