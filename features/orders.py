"""What an account's orders say: recency, rhythm, frequency, money, breadth and credits."""

from __future__ import annotations

from typing import Any

import ibis

from features.clock import Clock
from features.columns import WINDOWS_DAYS
from features.days import local_day
from features.merges import build_merges, with_survivors
from lifecycle.snapshot import Snapshot

_YEAR_DAYS = 365
_LOG_STEPS = 10_000
_UNIT_STEPS = 1_000
"""Logarithms and units are summed as whole steps: such sums do not depend on the rows' order."""


def build_known_orders(snapshot: Snapshot, clock: Clock) -> ibis.Table:
    """Build the orders of named accounts that happened and were known before the clock's instant.

    An order of a duplicate is the order of the account that it was merged into, if that was known
    by then. Adds ``age_days``: days from the order's local day to the as-of day (1 is yesterday).
    """
    orders = snapshot.known("orders", clock.as_of)
    orders = orders.filter(orders.account_id.notnull() & (orders.ordered_at < clock.as_of))
    orders = with_survivors(orders, build_merges(snapshot, clock.as_of))
    age = clock.today - day_of_order(snapshot, orders.ordered_at)
    return orders.mutate(age_days=age.cast("int32"))


def day_of_order(snapshot: Snapshot, ordered_at: Any) -> Any:
    """Return the number of an order's day in the company's zone."""
    first = snapshot.first_ordered_at or snapshot.as_of
    last = snapshot.last_ordered_at or snapshot.as_of
    return local_day(ordered_at, snapshot.zone, first=first, last=last)


def build_purchases(orders: ibis.Table) -> ibis.Table:
    """Build one row per purchase: minor units, steps of units, and what its day adds up to.

    ``day_spend`` is the same on every purchase of an account's day; ``new_day_spend`` stands on
    one of them and is null on the others. The gap (days) to the purchase before is null on the
    first and 0 within a day. One sort serves all of them, where grouping by day first would need
    a second hash table as large as the facts.
    """
    purchases = orders.filter((orders.kind == "sale") & (orders.amount_minor > 0)).select(
        "account_id",
        "age_days",
        # Whole numbers in float64 add up exactly, in any order, and take half the memory that
        # engines give to sums of int64.
        spend=orders.amount_minor.cast("float64"),
        lines=orders.lines_count.cast("float64"),
        products=orders.products_count.cast("float64"),
        unit_steps=(orders.units_count * _UNIT_STEPS).round().cast("float64"),
    )
    oldest_first = {"group_by": "account_id", "order_by": ibis.desc("age_days")}
    same_day = ibis.window(**oldest_first, range=(0, 0))
    days = purchases.mutate(
        gap=purchases.age_days.lag().over(ibis.window(**oldest_first)) - purchases.age_days,
        day_spend=purchases.spend.sum().over(same_day),
    )
    new_day_spend = (days.gap == 0).ifelse(ibis.null(), days.day_spend)
    gap = days.gap.cast("float64")
    log_steps = (new_day_spend.ln() * _LOG_STEPS).floor().cast("float64")
    return days.mutate(
        new_day_spend=new_day_spend,
        gap_squared=gap * gap,
        log_steps=log_steps,
        log_squared=log_steps * log_steps,
    )


def build_purchase_sums(purchases: ibis.Table) -> ibis.Table:
    """Build one row per account: the sums from which every purchase feature follows."""
    windows: dict[str, Any] = {}
    age, spend, new_day = purchases.age_days, purchases.spend, purchases.new_day_spend
    for n in WINDOWS_DAYS:
        windows[f"purchases_{n}d_count"] = purchases.count(where=age <= n)
        windows[f"purchase_days_{n}d_count"] = new_day.count(where=age <= n)
        windows[f"spend_{n}d_minor"] = _total(spend, age <= n)
    year_before = (age > _YEAR_DAYS) & (age <= 2 * _YEAR_DAYS)
    return purchases.group_by("account_id").agg(
        **windows,
        purchase_days_365d_730d_count=new_day.count(where=year_before),
        spend_365d_730d_minor=_total(spend, year_before),
        spend_same_90d_minor=_total(spend, age.between(276, _YEAR_DAYS)),
        spend_same_30d_minor=_total(spend, age.between(336, _YEAR_DAYS)),
        spend_year_ago_90d_minor=_total(spend, age.between(366, 455)),
        purchases_count=purchases.count(),
        purchase_days_count=new_day.count(),
        spend_minor=spend.sum(),
        recency_days=age.min(),
        T=age.max(),
        gap_squared=purchases.gap_squared.sum(),
        day_spend_max_minor=purchases.day_spend.max(),
        day_spend_last_minor=purchases.day_spend.argmin(age),
        day_spend_first_minor=purchases.day_spend.argmax(age),
        log_steps=purchases.log_steps.sum(),
        log_squared=purchases.log_squared.sum(),
        lines_count=purchases.lines.sum(),
        products_count=purchases.products.sum(),
        units_count=purchases.unit_steps.sum() / _UNIT_STEPS,
    )


def build_credit_sums(orders: ibis.Table) -> ibis.Table:
    """Build one row per account with credits: how many, and how much, as positive amounts."""
    credits = orders.filter(orders.kind == "credit")
    amount = credits.amount_minor.cast("float64")
    return credits.group_by("account_id").agg(
        credits_count=credits.count(),
        credit_minor=-amount.sum(),
        credit_365d_minor=-amount.sum(where=credits.age_days <= _YEAR_DAYS),
    )


def add_order_features(sums: ibis.Table) -> ibis.Table:
    """Add what follows from an account's sums; an undefined ratio is null."""
    days, recency = sums.purchase_days_count, sums.recency_days.cast("float64")
    span = (sums["T"] - sums.recency_days).cast("float64")
    gap = span / (days - 1).nullif(0)
    gap_std = _std(sums.gap_squared / (days - 1).nullif(0), gap)
    year_spend, before = sums.spend_365d_minor, sums.spend_365d_730d_minor
    rhythm = {
        "gap_mean_days": gap,
        "gap_std_days": gap_std,
        "gap_cv_ratio": gap_std / gap,
        "overdue_ratio": recency / gap,
        "overdue_z": (recency - gap) / gap_std.nullif(0),
        "frequency": days - 1,
        "recency": span,
    }
    mean = sums.spend_minor / days
    log_mean = sums.log_steps / days
    money = {
        "monetary_value": (sums.spend_minor - sums.day_spend_first_minor) / (days - 1).nullif(0),
        "day_spend_mean_minor": mean,
        "day_spend_log_mean": log_mean / _LOG_STEPS,
        "day_spend_log_std": _std(sums.log_squared / days, log_mean) / _LOG_STEPS,
        "day_spend_last_ratio": sums.day_spend_last_minor / mean,
        "spend_30d_of_90d_share": _over(sums.spend_30d_minor, sums.spend_90d_minor),
        "spend_90d_of_365d_share": _over(sums.spend_90d_minor, year_spend),
        "spend_180d_of_365d_share": _over(sums.spend_180d_minor, year_spend),
        "purchase_days_90d_of_365d_share": _over(
            sums.purchase_days_90d_count.cast("float64"), sums.purchase_days_365d_count
        ),
        "spend_year_change_ratio": _over(year_spend - before, year_spend + before),
    }
    per_purchase = {
        f"{name}_mean_count": sums[f"{name}_count"] / sums.purchases_count
        for name in ("lines", "products", "units")
    }
    return sums.mutate(**rhythm, **money, **per_purchase)


def _over(part: Any, whole: Any) -> Any:
    """Divide; null when there is nothing to divide by."""
    return part / whole.nullif(0)


def _std(mean_square: Any, mean: Any) -> Any:
    """Return the population's standard deviation; rounding may not push it below 0."""
    variance = mean_square - mean * mean
    # Not `greatest`: engines skip nulls in it, and an undefined deviation must stay undefined.
    return (variance < 0).ifelse(0, variance).sqrt()


def _total(value: Any, inside: Any) -> Any:
    """Sum inside a window; 0 when nothing is in it."""
    return value.sum(where=inside).fill_null(0)
