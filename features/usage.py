"""How an account uses the product: how much, by how many, how broadly, and which way it goes.

Windows are whole weeks that end where the last span known of any account ends, so that weekly
figures fall into them alike whatever the weekday of the as-of day. Levels are rates per week, over
the part of the window since the account's first use of the last year.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.clock import ContractClock
from features.days import day_of_event
from features.merges import with_survivors
from lifecycle.snapshot import Snapshot

WINDOWS_DAYS = (28, 84, 182, 364)
"""About one, three, six and twelve months, in whole weeks."""
ROLES = {
    "active": ("active_users", "active_seats", "users"),
    "key": ("key_feature", "key_features"),
    "admin": ("admin_logins", "admin_login"),
    "breadth": ("breadth", "features", "features_used", "distinct_features"),
}
"""What a metric measures, by its name; any other metric counts as events."""
GAUGES = ("active", "breadth")
"""Roles that state a level in a span instead of adding up."""
_LOGGED = (("28d", "84d"), ("84d", "182d"), ("84d", "364d"))
_SMALL_PART = 10
"""Both sides of a log-ratio gain one tenth (a tenth a week is as good as nothing), by a whole
factor: aggregates may stand on no fraction written by hand."""
STEPS = 1_000
_LATEST_LAG_DAYS = 28


def build_usage(snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None) -> ibis.Table:
    """Build one row per account with use in the last year."""
    rows = _known_usage(snapshot, clock, clock.year_ago)
    recent = _known_usage(snapshot, clock, clock.recently)
    # No later than today, and a feed that stopped long ago does not hold the windows back.
    lag = recent.agg(lag=recent.end_days.min()).select(lag=_clipped(ibis._.lag))
    joined = rows.cross_join(lag)
    rows = joined.select(*rows.columns, week_days=joined.end_days - joined.lag)
    buckets = with_survivors(_sum_buckets(rows), merges)
    return _add_levels(_sum_accounts(buckets))


def _clipped(lag: Any) -> Any:
    lag = lag.fill_null(0)
    lag = (lag > _LATEST_LAG_DAYS).ifelse(_LATEST_LAG_DAYS, lag)
    return (lag < 0).ifelse(0, lag)


def _known_usage(snapshot: Snapshot, clock: ContractClock, since: Any) -> ibis.Table:
    usage = snapshot.known("usage", clock.as_of)
    usage = usage.filter((usage.used_at < clock.as_of) & (usage.used_at >= since))
    age = clock.today - day_of_event(snapshot, "usage", usage.used_at)
    role = ibis.literal("events")
    for name, metrics in ROLES.items():
        role = usage.metric.isin(metrics).ifelse(name, role)
    return usage.select(
        "account_id",
        # Whole thousandths: sums that do not depend on the rows' order.
        quantity=(usage.quantity * STEPS).round().cast("float64"),
        span_days=usage.span_days.ceil().cast("float64"),
        role=role,
        end_days=age - usage.span_days.ceil().cast("int64"),
    )


def _sum_buckets(rows: ibis.Table) -> ibis.Table:
    """Add up by account, role and innermost window: the one pass over the many rows."""
    bucket = ibis.literal(len(WINDOWS_DAYS), type="int64")
    for place, n in reversed(tuple(enumerate(WINDOWS_DAYS))):
        bucket = (rows.week_days < n).ifelse(place, bucket)
    rows = rows.mutate(bucket=bucket).filter(ibis._.bucket < len(WINDOWS_DAYS))
    used = rows.quantity > 0
    return rows.group_by("account_id", "role", "bucket").agg(
        total=rows.quantity.sum(),
        span_total=(rows.quantity * rows.span_days).sum(),
        moment=(rows.quantity * rows.week_days.cast("float64")).sum(),
        most=rows.quantity.max(),
        used_days=rows.span_days.sum(where=used),
        last_used_days=rows.week_days.min(where=used),
        first_days=(rows.week_days + rows.span_days.cast("int64")).max(),
    )


def _sum_accounts(buckets: ibis.Table) -> ibis.Table:
    sums: dict[str, Any] = {"exposed": buckets.first_days.max()}
    for role in (*ROLES, "events"):
        of_role = buckets.role == role
        value = buckets.span_total if role in GAUGES else buckets.total
        for place, n in enumerate(WINDOWS_DAYS):
            sums[f"{role}_{n}d"] = value.sum(where=of_role & (buckets.bucket <= place))
        sums[f"{role}_last"] = buckets.last_used_days.min(where=of_role)
        sums[f"{role}_known"] = buckets.count(where=of_role)
    events, half_year = buckets.role == "events", buckets.bucket <= 2
    sums["events_moment"] = buckets.moment.sum(where=events & half_year)
    sums["active_most"] = buckets.most.max(where=buckets.role == "active")
    sums["active_used"] = buckets.used_days.sum(
        where=(buckets.role == "active") & (buckets.bucket <= 1)
    )
    sums["events_used"] = buckets.used_days.sum(where=events & (buckets.bucket <= 1))
    return buckets.group_by("account_id").agg(**sums)


def _add_levels(sums: ibis.Table) -> ibis.Table:
    """Turn sums into rates per week; null where the account has no such metric."""
    exposed = sums.exposed.cast("float64")
    levels: dict[str, Any] = {}
    for role in (*ROLES, "events"):
        for n in WINDOWS_DAYS:
            days = (exposed < n).ifelse(exposed, n).nullif(0)
            rate = sums[f"{role}_{n}d"].fill_null(0) / days * (1 if role in GAUGES else 7) / STEPS
            levels[f"{role}_{n}d_rate"] = (sums[f"{role}_known"] > 0).ifelse(rate, ibis.null())
    wide = sums.mutate(**levels)
    half = (exposed < 182).ifelse(exposed, 182) / 2
    centre = wide.events_moment / wide.events_182d.nullif(0) + 3
    quarter = (exposed < 84).ifelse(exposed, 84)
    used = ibis.greatest(wide.active_used.fill_null(0), wide.events_used.fill_null(0))
    idle = 1 - used / quarter.nullif(0)
    return wide.select(
        "account_id",
        "exposed",
        *levels,
        **_log_ratios(wide),
        usage_slope_ratio=(half - centre) / half.nullif(0),
        active_peak_ratio=wide.active_28d_rate * STEPS / wide.active_most.nullif(0),
        idle_84d_share=(idle < 0).ifelse(0, idle),
        idle_days=ibis.least(
            ibis.coalesce(wide.active_last, wide.events_last),
            ibis.coalesce(wide.events_last, wide.active_last),
        ),
        key_idle_days=wide.key_last,
        admin_idle_days=wide.admin_last,
    )


def _log_ratios(wide: ibis.Table) -> dict[str, Any]:
    return {
        f"{role}_{short}_{long}_log": (wide[f"{role}_{short}_rate"] * _SMALL_PART + 1).ln()
        - (wide[f"{role}_{long}_rate"] * _SMALL_PART + 1).ln()
        for role in (*ROLES, "events")
        for short, long in _LOGGED
    }
