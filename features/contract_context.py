"""What surrounds a contract: its segment and country, and how lines of late have ended."""

from __future__ import annotations

from typing import Any

import ibis

from features.clock import ContractClock
from features.contract import STEPS
from lifecycle.snapshot import Snapshot


def build_profiles(snapshot: Snapshot, clock: ContractClock) -> ibis.Table:
    """Build account_id, segment, industry and country as last known."""
    accounts = snapshot.known("accounts", clock.as_of)
    return accounts.select("account_id", "segment", "industry", "country")


def build_ended(rows: ibis.Table, by: str | None, clock: ContractClock) -> ibis.Table:
    """Build how many lines ended of late, of all accounts or by a column of ``rows``.

    Parameters
    ----------
    rows
        Spells of lines with started_day, ended_day, mrr_minor, seats_count and ``by``.
    """
    name = by or "company"
    began = rows.started_day < clock.today
    ended = began & (rows.ended_day < clock.today)
    live = began & (rows.ended_day.isnull() | (rows.ended_day >= clock.today))
    seats = rows.seats_count > 0
    counts: dict[str, Any] = {
        f"{name}_{n}d": rows.count(where=ended & (rows.ended_day >= clock.today - n))
        for n in (90, 365)
    }
    grouped = rows.group_by(f"{by}") if by else rows
    sums = grouped.agg(
        **counts,
        live=rows.count(where=live),
        mrr=rows.mrr_minor.cast("float64").sum(where=live & seats),
        seats=(rows.seats_count * STEPS).round().cast("float64").sum(where=live & seats),
    )
    ends = {n: sums[f"{name}_{n}d"].cast("float64") for n in (90, 365)}
    made = {f"{name}_ended_{n}d_share": ends[n] / (ends[n] + sums.live).nullif(0) for n in ends}
    return sums.mutate(
        **made, **{f"{name}_seat_minor": sums.mrr * STEPS / sums.seats.nullif(0)}
    ).drop(f"{name}_90d", f"{name}_365d", "live", "mrr", "seats")


def add_use_peers(wide: ibis.Table) -> ibis.Table:
    """Add how use and its trend compare with the accounts of the same country.

    Holidays fall on all accounts of a country alike; what is left is the account's own.
    """
    rows = wide.mutate(peer_country=wide.country.fill_null("")).alias("account_rows")
    own = {"short": rows.active_28d_84d_log, "long": rows.active_84d_364d_log}
    own["use"] = rows.seat_use_28d_ratio
    # Whole steps: a mean that does not depend on the rows' order.
    means = rows.group_by(country_key="peer_country").agg(
        **{
            f"{name}_peers": (value * STEPS).round().cast("float64").mean() / STEPS
            for name, value in own.items()
        }
    )
    joined = rows.left_join(means, rows.peer_country == means.country_key)
    return joined.mutate(
        active_peer_28d_84d_log=joined.active_28d_84d_log - joined.short_peers,
        active_peer_84d_364d_log=joined.active_84d_364d_log - joined.long_peers,
        seat_use_peer_ratio=joined.seat_use_28d_ratio / joined.use_peers.nullif(0),
    )
