"""What is for sale to an account: open expansions and renewals, pushes, competitors, outcomes."""

from __future__ import annotations

import ibis

from features.clock import ContractClock
from features.deals.told import build_deals_told
from features.merges import with_survivors
from lifecycle.snapshot import Snapshot


def build_pipeline(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> ibis.Table:
    """Build one row per account with deals, each as versions and changes known by then tell it."""
    deals = build_deals_told(snapshot, clock)
    rows = deals.select(
        "opportunity_id",
        "account_id",
        "discount_share",
        is_open=deals.outcome == "open",
        is_won=deals.outcome == "won",
        is_lost=deals.outcome == "lost",
        is_expansion=(deals.kind == "expansion").fill_null(False),
        is_renewal=(deals.kind == "renewal").fill_null(False),
        has_competitor=deals.competitor.notnull(),
        amount=deals.amount_minor.cast("float64"),
        close_days=(deals.close_day - clock.today).cast("float64"),
        age_days=deals.age_days,
        closed_days=clock.today - deals.closed_day,
    )
    pushes = _build_pushes(snapshot, clock)
    joined = rows.left_join(pushes, rows.opportunity_id == pushes.pushed_id)
    rows = joined.select(*rows.columns, pushes=joined.pushes.fill_null(0).cast("float64"))
    return _sum(with_survivors(rows, merges))


def _build_pushes(snapshot: Snapshot, clock: ContractClock) -> ibis.Table:
    """Build how often a deal's expected close was moved to a later day.

    A history of values, as some systems keep, does not say what stood there before: the one
    before it does.
    """
    changes = snapshot.known("opportunity_changes", clock.as_of)
    changes = changes.filter((changes.field == "close_on") & (changes.changed_at < clock.as_of))
    by_deal = ibis.window(group_by="opportunity_id", order_by=["changed_at", "change_id"])
    moved = changes.mutate(
        before=ibis.coalesce(changes.close_before_on, changes.close_after_on.lag().over(by_deal))
    )
    moved = moved.filter(moved.close_after_on > moved.before)
    return moved.group_by(pushed_id="opportunity_id").agg(pushes=moved.count())


def _sum(rows: ibis.Table) -> ibis.Table:
    growing = rows.is_open & rows.is_expansion
    renewing = rows.is_open & rows.is_renewal
    lately = rows.closed_days <= 180
    standing = rows.is_expansion | rows.is_renewal
    competed = rows.has_competitor & standing & (rows.is_open | lately)
    return rows.group_by("account_id").agg(
        expansion_open_count=rows.count(where=growing),
        expansion_open_minor=rows.amount.sum(where=growing),
        expansion_open_days=rows.age_days.max(where=growing),
        renewal_deal_open_count=rows.count(where=renewing),
        renewal_deal_close_days=rows.close_days.min(where=renewing),
        deal_pushes_count=rows.pushes.sum(where=growing | renewing),
        deal_discount_share=rows.discount_share.max(where=growing | renewing),
        expansion_won_365d_count=rows.count(
            where=rows.is_expansion & rows.is_won & (rows.closed_days <= 365)
        ),
        expansion_lost_180d_count=rows.count(where=rows.is_expansion & rows.is_lost & lately),
        expansion_lost_365d_count=rows.count(
            where=rows.is_expansion & rows.is_lost & (rows.closed_days <= 365)
        ),
        competitor_180d_count=rows.count(where=competed),
    )
