"""What an account says when it is asked, and that it does not answer."""

from __future__ import annotations

import ibis

from features.clock import ContractClock
from features.days import day_of_event
from features.merges import with_survivors
from lifecycle.snapshot import Snapshot

STEPS = 1_000
AGE_CAP_DAYS = 400
"""An answer older than that, and none at all, are alike; a flag says which accounts have none."""


def build_survey(snapshot: Snapshot, clock: ContractClock, merges: ibis.Table | None) -> ibis.Table:
    """Build one row per account asked in the last 400 days; scores on a scale of 0 to 10."""
    surveys = snapshot.known("surveys", clock.as_of)
    surveys = surveys.filter(
        (surveys.answered_at < clock.as_of) & (surveys.answered_at >= clock.year_ago)
    )
    top = ibis.coalesce(surveys.scale_top, (surveys.kind == "nps").ifelse(10, ibis.null()))
    answered = (surveys.outcome == "answered") & surveys.score.notnull()
    rows = surveys.select(
        "account_id",
        "kind",
        "response_id",
        answered_at=surveys.answered_at,
        age_days=clock.today - day_of_event(snapshot, "surveys", surveys.answered_at),
        # Whole steps: a mean that does not depend on the rows' order.
        score=answered.ifelse(
            (surveys.score * 10 * STEPS / top.nullif(0)).round().cast("float64"), ibis.null()
        ),
        is_answered=surveys.outcome == "answered",
    )
    rows = with_survivors(rows, merges)
    newest_first = ibis.window(
        group_by=["account_id", "kind", "is_answered"],
        order_by=[ibis.desc("answered_at"), ibis.desc("response_id")],
    )
    return _sum(rows.mutate(nth=ibis.row_number().over(newest_first)))


def _sum(rows: ibis.Table) -> ibis.Table:
    nps = (rows.kind == "nps") & rows.is_answered
    year = rows.age_days <= 365
    sums = rows.group_by("account_id").agg(
        nps_score=rows.score.max(where=nps & (rows.nth == 0)) / STEPS,
        nps_before=rows.score.max(where=nps & (rows.nth == 1)) / STEPS,
        nps_age_days=rows.age_days.min(where=nps),
        satisfaction_365d_ratio=rows.score.mean(
            where=rows.is_answered & (rows.kind != "nps") & year
        )
        / STEPS,
        asked_365d_count=rows.count(where=year),
        answered_365d_count=rows.count(where=year & rows.is_answered),
        last_answered_age=rows.age_days.min(where=rows.is_answered),
        last_silent_age=rows.age_days.min(where=~rows.is_answered),
    )
    return sums.mutate(
        nps_change=sums.nps_score - sums.nps_before,
        answered_365d_share=sums.answered_365d_count.cast("float64")
        / sums.asked_365d_count.nullif(0),
        last_survey_silent=(sums.last_silent_age < sums.last_answered_age.fill_null(AGE_CAP_DAYS))
        .fill_null(False)
        .ifelse(1, 0),
    )
