"""How close we are to an account: meetings, people, champions, sponsors, work done for it."""

from __future__ import annotations

import ibis

from features.clock import ContractClock
from features.days import day_of_date, day_of_event
from features.merges import with_survivors
from lifecycle.snapshot import Snapshot

STEPS = 1_000
MEETINGS = ("meeting", "call", "qbr", "visit", "review")
"""Kinds of activity at which we speak with them."""


def build_engagement(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> tuple[ibis.Table, ibis.Table, ibis.Table]:
    """Build one row per account: from activities, from contacts, and from interventions."""
    return (
        _sum_activities(_known_activities(snapshot, clock, merges)),
        _sum_contacts(_known_contacts(snapshot, clock, merges)),
        _sum_interventions(snapshot, clock, merges),
    )


def _known_activities(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> ibis.Table:
    activities = snapshot.known("activities", clock.as_of)
    activities = activities.filter(
        activities.account_id.notnull()
        & (activities.occurred_at < clock.as_of)
        & (activities.occurred_at >= clock.year_ago)
    )
    held = ~(activities.outcome.isin(("no_show", "bounced", "cancelled"))).fill_null(False)
    rows = activities.select(
        "account_id",
        people=activities.people_count.cast("float64"),
        # Whole steps: a mean that does not depend on the rows' order.
        tone_steps=(activities.sentiment * STEPS).round().cast("float64"),
        age_days=clock.today - day_of_event(snapshot, "activities", activities.occurred_at),
        is_meeting=activities.kind.isin(MEETINGS) & held,
        is_missed=(activities.outcome == "no_show").fill_null(False),
        is_in=(activities.direction == "in").fill_null(False),
    )
    return with_survivors(rows, merges)


def _sum_activities(rows: ibis.Table) -> ibis.Table:
    age = rows.age_days
    return rows.group_by("account_id").agg(
        meeting_age_days=age.min(where=rows.is_meeting),
        meetings_90d_count=rows.count(where=rows.is_meeting & (age <= 90)),
        meetings_365d_count=rows.count(where=rows.is_meeting & (age <= 365)),
        missed_180d_count=rows.count(where=rows.is_missed & (age <= 180)),
        activities_90d_count=rows.count(where=age <= 90),
        inbound_90d_count=rows.count(where=rows.is_in & (age <= 90)),
        meeting_people_ratio=rows.people.mean(where=rows.is_meeting & (age <= 365)),
        meeting_sentiment_ratio=rows.tone_steps.mean(where=rows.is_meeting & (age <= 180)) / STEPS,
    )


def _known_contacts(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> ibis.Table:
    contacts = snapshot.known("contacts", clock.as_of)
    contacts = contacts.filter(contacts.account_id.notnull())
    left_days = clock.today - day_of_date(contacts.left_on)
    rows = contacts.select(
        "account_id",
        is_here=(left_days <= 0).fill_null(True),
        left_days=left_days,
        is_champion=contacts.is_champion.fill_null(False) | (contacts.role == "champion"),
        is_sponsor=contacts.is_sponsor.fill_null(False),
    )
    return with_survivors(rows, merges)


def _sum_contacts(rows: ibis.Table) -> ibis.Table:
    champion = rows.is_champion.fill_null(False)
    gone = rows.left_days > 0
    sums = rows.group_by("account_id").agg(
        contacts_count=rows.count(where=rows.is_here),
        champions_count=rows.count(where=rows.is_here & champion),
        sponsors_count=rows.count(where=rows.is_here & rows.is_sponsor),
        contacts_left_180d_count=rows.count(where=gone & (rows.left_days <= 180)),
        champions_left_180d_count=rows.count(where=gone & champion & (rows.left_days <= 180)),
        champion_left_days=rows.left_days.min(where=gone & champion),
        champions_ever=rows.count(where=champion),
    )
    lost = (sums.champions_ever > 0) & (sums.champions_count == 0)
    return sums.mutate(champion_lost=lost.ifelse(1, 0))


def _sum_interventions(
    snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None
) -> ibis.Table:
    work = snapshot.known("interventions", clock.as_of)
    work = work.filter(
        ~work.is_holdout & (work.started_at < clock.as_of) & (work.started_at >= clock.year_ago)
    )
    age = clock.today - day_of_event(snapshot, "interventions", work.started_at)
    rows = with_survivors(work.select("account_id", age_days=age), merges)
    return rows.group_by("account_id").agg(treated_90d_count=rows.count(where=rows.age_days <= 90))
