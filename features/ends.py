"""When a contract line was decided to end, when it ended, and when it came back.

The changes of a line are read in the order in which they were made. Each sign of life (a renewal,
a reactivation, a notice withdrawn) opens a *round*; what was said about leaving since then stands
in that round, so a later sign of life makes it void unless the line was gone for longer than the
grace. Two ends in one round are one: the earlier.
"""

from __future__ import annotations

from typing import Any

import ibis

from features.days import day_of_date, day_of_event
from lifecycle.snapshot import Snapshot

GRACE_DAYS = 30
"""A line that lives again within so many days never left (as the KKBox target has it)."""

NOTICE_DAYS = 30
"""How long an open-ended line lives on after its notice when no period is agreed."""

ALIVE = ("new", "renewal", "reactivation", "notice_withdrawn")
CAUSES = ("nonrenewal", "midterm", "involuntary")
ENDS = ("nonrenewal", "midterm_cancel", "involuntary_cancel")
"""Kinds of change that end a line, in the order of :data:`CAUSES`."""
TO_ZERO = ("contraction", "price_change")
"""A price cut down to nothing is a cancellation in mid-term."""


def build_signals(snapshot: Snapshot, as_of: Any) -> ibis.Table:
    """Build the changes that say whether a line lives, with the round each belongs to.

    Days are numbers counted from 1970-01-01.
    """
    changes = snapshot.known("subscription_changes", as_of)
    to_zero = changes.kind.isin(TO_ZERO) & (changes.mrr_after_minor <= 0).fill_null(False)
    signals = changes.select(
        "subscription_id",
        "change_id",
        "changed_at",
        changed_day=day_of_event(snapshot, "subscription_changes", changes.changed_at),
        effective_day=day_of_date(changes.effective_on),
        term_ends_day=day_of_date(changes.term_ends_on),
        cause=_cause(changes, to_zero),
        is_alive=changes.kind.isin(ALIVE),
        is_notice=changes.kind == "notice",
    )
    signals = signals.filter(signals.is_alive | signals.is_notice | signals.cause.notnull())
    as_made = ibis.window(
        group_by="subscription_id",
        # Within an instant the sign of life goes first: an end told with it is about this round.
        order_by=["changed_at", "effective_day", ibis.desc("is_alive"), "change_id"],
        preceding=None,
        following=0,
    )
    return signals.mutate(round=signals.is_alive.ifelse(1, 0).sum().over(as_made))


def _cause(changes: ibis.Table, to_zero: Any) -> Any:
    """Return the place of the change's cause in CAUSES; null when it ends nothing."""
    cause = to_zero.ifelse(CAUSES.index("midterm"), ibis.null())
    for place, kind in enumerate(ENDS):
        cause = (changes.kind == kind).ifelse(place, cause)
    return cause.cast("int64")


def build_ends(signals: ibis.Table, lines: ibis.Table) -> ibis.Table:
    """Build one row per end of a line that no later sign of life made void.

    Parameters
    ----------
    signals
        Of :func:`build_signals`.
    lines
        subscription_id, notice_days and term_ends_day (may be null).

    Returns
    -------
    ibis.Table
        subscription_id, round, ended_day, decided_day (numbers of days), cause, and back_day:
        the day it came back after more than :data:`GRACE_DAYS`, else null.
    """
    told = signals.join(
        lines.select("subscription_id", "notice_days", line_term_ends_day="term_ends_day"),
        "subscription_id",
    )
    rounds = _end_of_round(_add_decisions(told)).alias("rounds")
    ends = rounds.filter(rounds.ended_day.notnull())
    lives = rounds.filter(rounds.alive_day.notnull()).select(
        "subscription_id", back_day="alive_day", after_round=rounds["round"] - 1
    )
    followed = ends.left_join(
        lives,
        (ends.subscription_id == lives.subscription_id) & (ends["round"] == lives.after_round),
    )
    stands = followed.back_day.isnull() | (followed.back_day > followed.ended_day + GRACE_DAYS)
    return followed.filter(stands).select(
        "subscription_id", "round", "ended_day", "decided_day", "cause", "back_day"
    )


def _add_decisions(told: ibis.Table) -> ibis.Table:
    """Add the day each end was decided on, and the end that a notice announces."""
    before_end = (told.cause == CAUSES.index("nonrenewal")).ifelse(told.notice_days.fill_null(0), 0)
    deadline = told.effective_day - before_end
    # A leave that is on record before its deadline was decided when it was recorded.
    decided = (told.changed_day < deadline).ifelse(told.changed_day, deadline)
    announced = ibis.coalesce(
        _later(told.effective_day, told.changed_day),
        _later(told.term_ends_day, told.changed_day),
        _later(told.line_term_ends_day, told.changed_day),
        told.changed_day + ibis.coalesce(told.notice_days.nullif(0), NOTICE_DAYS),
    )
    return told.mutate(decided_day=decided, announced_day=announced)


def _later(day: Any, than: Any) -> Any:
    return (day > than).ifelse(day, ibis.null())


def _end_of_round(told: ibis.Table) -> ibis.Table:
    # Day and cause in one number: the earliest end, and of two on one day always the same cause.
    coded = told.effective_day * len(CAUSES) + told.cause
    rounds = told.group_by("subscription_id", "round").agg(
        alive_day=told.effective_day.min(where=told.is_alive),
        end_code=coded.min(where=told.cause.notnull()),
        end_decided_day=told.decided_day.min(where=told.cause.notnull()),
        noticed_day=told.changed_day.min(where=told.is_notice),
        announced_day=told.announced_day.max(where=told.is_notice),
    )
    ended = ibis.coalesce(rounds.end_code // len(CAUSES), rounds.announced_day)
    decided = ibis.coalesce(rounds.noticed_day, rounds.end_decided_day)
    cause = ibis.null().cast("string")
    for place, name in enumerate(CAUSES):
        cause = (rounds.end_code % len(CAUSES) == place).ifelse(name, cause)
    noticed = rounds.noticed_day.notnull().ifelse("nonrenewal", ibis.null())
    return rounds.select(
        "subscription_id",
        "round",
        "alive_day",
        ended_day=ended,
        decided_day=(decided > ended).ifelse(ended, decided),
        cause=ibis.coalesce(cause, noticed),
    )
