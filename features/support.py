"""What an account asks of support: how often, how urgently, and how it was served."""

from __future__ import annotations

from typing import Any

import ibis

from features.clock import ContractClock
from features.days import day_of_event
from features.forbidden import OFFBOARDING
from features.merges import with_survivors
from lifecycle.snapshot import Snapshot

STEPS = 1_000
_WINDOWS_DAYS = (30, 90, 180)


def build_support(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> ibis.Table:
    """Build one row per account that opened a ticket in the last 400 days or has one open.

    Tickets about leaving (offboarding, export of data) are no features: they follow the decision.
    """
    tickets = snapshot.known("tickets", clock.as_of)
    is_open = tickets.status.isin(("open", "pending")).fill_null(False)
    recent = tickets.opened_at >= clock.year_ago
    leaving = tickets.topic.lower().re_search(OFFBOARDING).fill_null(False)
    tickets = tickets.filter((tickets.opened_at < clock.as_of) & (recent | is_open) & ~leaving)
    late = (tickets.first_replied_at > tickets.reply_due_at) | (
        tickets.first_replied_at.isnull() & (tickets.reply_due_at < clock.as_of)
    )
    rows = tickets.select(
        "account_id",
        # Whole steps: a mean that does not depend on the rows' order.
        tone_steps=(tickets.sentiment * STEPS).round().cast("float64"),
        age_days=clock.today - day_of_event(snapshot, "tickets", tickets.opened_at),
        is_severe=tickets.severity.isin(("high", "urgent")).fill_null(False),
        is_open=tickets.status.isin(("open", "pending")).fill_null(False),
        is_late=late.fill_null(False),
        reopened=tickets.reopened_count.fill_null(0).cast("float64"),
    )
    return _sum(with_survivors(rows, merges))


def _sum(rows: ibis.Table) -> ibis.Table:
    age = rows.age_days
    windows: dict[str, Any] = {}
    for n in _WINDOWS_DAYS:
        windows[f"tickets_{n}d_count"] = rows.count(where=age <= n)
        windows[f"severe_tickets_{n}d_count"] = rows.count(where=rows.is_severe & (age <= n))
    return rows.group_by("account_id").agg(
        **windows,
        tickets_365d_count=rows.count(where=age <= 365),
        tickets_open_count=rows.count(where=rows.is_open),
        severe_open_count=rows.count(where=rows.is_open & rows.is_severe),
        ticket_open_days=age.max(where=rows.is_open),
        ticket_age_days=age.min(),
        reopened_180d_count=rows.reopened.sum(where=age <= 180),
        late_reply_180d_count=rows.count(where=rows.is_late & (age <= 180)),
        ticket_sentiment_180d_ratio=rows.tone_steps.mean(where=age <= 180) / STEPS,
    )
