"""Deals as last told, by their versions or by dated changes, whichever the source has.

The rules are those of `features.deals.streams`, for one instant and in one query: of two changes
the one that happened later stands, of a change and a version the one known later (the version, if
both are known at once), and what a mapped stage stands for counts where nobody says it outright.
Only what the latest version leaves empty is not looked for in the versions before it.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import ibis

from features.clock import ContractClock
from features.days import day_of_date, day_of_event
from features.deals.reading import CLOSE_FIRST, CLOSE_LAST, MOST_MINOR
from lifecycle.snapshot import Snapshot

_IMPLIED, _SAID = 0, 1


def build_deals_told(snapshot: Snapshot, clock: ContractClock) -> ibis.Table:
    """Build one row per deal that a version names with an account and the day it was opened.

    Returns
    -------
    ibis.Table
        opportunity_id, account_id, kind, competitor, discount_share and age_days as the latest
        version known by then tells them; outcome (``open``, ``won`` or ``lost``), closed_day
        (day number, null while open), amount_minor and close_day (day number; both null where no
        believable one was told).
    """
    deals = snapshot.known("opportunities", clock.as_of)
    deals = deals.filter(deals.account_id.notnull() & (deals.created_at < clock.as_of))
    rows = deals.select(
        "opportunity_id", "account_id", "kind", "competitor", "discount_share", "known_at",
        age_days=clock.today - day_of_event(snapshot, "opportunities", deals.created_at),
        said_outcome=deals.outcome,
        said_closed=day_of_event(
            snapshot, "opportunities", ibis.coalesce(deals.closed_at, deals.known_at)
        ),
        said_amount=_believable(deals.amount_minor, 1, MOST_MINOR),
        said_close=_believable(day_of_date(deals.close_on), CLOSE_FIRST, CLOSE_LAST),
    )  # fmt: skip
    changes = snapshot.known("opportunity_changes", clock.as_of)
    wide = reduce(_join, _moves(snapshot, clock, changes), rows)
    outcome, is_moved = _later(wide, "outcome")
    return wide.select(
        "opportunity_id", "account_id", "kind", "competitor", "discount_share", "age_days",
        outcome=outcome.fill_null("open"),
        closed_day=(outcome != "open").ifelse(
            is_moved.ifelse(wide.outcome_day, wide.said_closed), ibis.null()
        ),
        amount_minor=_later(wide, "amount")[0],
        close_day=_later(wide, "close")[0],
    )  # fmt: skip


def _moves(snapshot: Snapshot, clock: ContractClock, changes: ibis.Table) -> list[ibis.Table]:
    """Build the last change of outcome, of amount and of close date, one row per deal each."""
    amounts = changes.filter(changes.field == "amount")
    amounts = _told(amounts, _believable(amounts.amount_after_minor, 1, MOST_MINOR))
    closes = changes.filter(changes.field == "close_on")
    closes = _told(closes, _believable(day_of_date(closes.close_after_on), CLOSE_FIRST, CLOSE_LAST))
    outcomes = changes.filter(changes.field == "outcome")
    outcomes = _told(outcomes, outcomes.text_after)
    if snapshot.holds("stage_maps"):
        outcomes = ibis.union(outcomes, _implied(snapshot, clock, changes), distinct=False)
    day = day_of_event(snapshot, "opportunity_changes", outcomes.changed_at)
    outcomes = outcomes.mutate(day=day)
    named = {"outcome": outcomes, "amount": amounts, "close": closes}
    return [_last(told, name) for name, told in named.items()]


def _told(changes: ibis.Table, value: Any) -> ibis.Table:
    return changes.select(
        "opportunity_id", "changed_at", "known_at", "change_id", value=value, rank=_SAID
    ).filter(ibis._.value.notnull())


def _implied(snapshot: Snapshot, clock: ContractClock, changes: ibis.Table) -> ibis.Table:
    """Build what stages stand for: an end if the map says so of the name, else open.

    A name means what it meant when the change was known, or else when it happened.
    """
    stages = changes.filter(changes.field.isin(("created", "stage")) & changes.text_after.notnull())
    days = {
        name: day_of_event(snapshot, "opportunity_changes", stages[name])
        for name in ("known_at", "changed_at")
    }
    stages = stages.select("opportunity_id", "changed_at", "known_at", "change_id", "text_after",
                           known_day=days["known_at"], changed_day=days["changed_at"])  # fmt: skip
    maps = snapshot.known("stage_maps", clock.as_of)
    maps = maps.filter(maps.is_won | maps.is_lost).select(
        "source_stage", "is_won",
        first=day_of_date(maps.effective_from), end=day_of_date(maps.effective_to),
    )  # fmt: skip
    joined = stages.left_join(maps, stages.text_after == maps.source_stage)
    holds = [
        (joined[day] >= joined.first) & (joined.end.isnull() | (joined[day] < joined.end))
        for day in ("known_day", "changed_day")
    ]
    is_end = (holds[0] | holds[1]).fill_null(False)
    end = joined.is_won.ifelse("won", "lost")
    return joined.select("opportunity_id", "changed_at", "known_at", "change_id",
                         value=is_end.ifelse(end, "open"), rank=_IMPLIED)  # fmt: skip


def _last(told: ibis.Table, name: str) -> ibis.Table:
    """Build the change that stands, one row per deal, its columns prefixed with a name."""
    keys = ("changed_at", "known_at", "rank", "change_id", "value")
    latest = ibis.window(group_by="opportunity_id", order_by=[ibis.desc(key) for key in keys])
    ranked = told.mutate(place=ibis.row_number().over(latest))
    kept = ranked.filter(ranked.place == 0)
    days = {f"{name}_day": kept.day} if "day" in kept.columns else {}
    return kept.select(
        **{f"{name}_id": kept.opportunity_id, f"{name}_value": kept.value,
           f"{name}_known": kept.known_at}, **days,
    )  # fmt: skip


def _join(rows: ibis.Table, moves: ibis.Table) -> ibis.Table:
    key = moves.columns[0]
    joined = rows.left_join(moves, rows.opportunity_id == moves[key])
    return joined.select(*rows.columns, *(name for name in moves.columns if name != key))


def _later(wide: ibis.Table, name: str) -> tuple[Any, Any]:
    """Return the value that stands, a version's or a change's, and whether it is the change's."""
    said, moved, known = wide[f"said_{name}"], wide[f"{name}_value"], wide[f"{name}_known"]
    is_moved = moved.notnull() & (said.isnull() | (known > wide.known_at))
    return is_moved.ifelse(moved, said), is_moved


def _believable(value: Any, lowest: int, highest: int) -> Any:
    return value.between(lowest, highest).ifelse(value, ibis.null())
