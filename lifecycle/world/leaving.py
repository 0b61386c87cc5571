"""How contracts end: the decision, its notice, second thoughts, and the last day."""

from __future__ import annotations

import numpy as np

from lifecycle.world.desk import Desk
from lifecycle.world.hazards import Span, addon_chance, weekly_hazards
from lifecycle.world.state import NEVER, Ints

END_KINDS = ("nonrenewal", "midterm_cancel", "involuntary_cancel")


def decide(desk: Desk, span: Span, churn: float) -> Ints:
    """Draw who decides to leave in a week, why, and whether it lasts; write the notices.

    Returns
    -------
    Accounts that decided, those whose mind will change included.
    """
    state, rng = desk.state, desk.rng
    hazards = weekly_hazards(state, desk.params, span, churn)
    rows = np.flatnonzero(rng.random(len(state)) < hazards.total())
    parts = np.stack([hazards.nonrenewal, hazards.midterm, hazards.involuntary])[:, rows]
    luck = rng.random(len(rows)) * parts.sum(axis=0)
    cause = (luck >= np.cumsum(parts, axis=0)).sum(axis=0)
    deadline = state.term_ends_day[rows] - state.notice_days[rows]
    day = np.where(cause == 0, deadline, span.first + rng.integers(0, 7, len(rows)))
    gives = (cause == 0) & (state.notice_days[rows] > 0)
    desk.cause[rows] = cause
    desk.leaves_day[rows] = np.where(gives, state.term_ends_day[rows], day)
    noticed = rows[gives]
    desk.write_both("notice", noticed, deadline[gives])
    state.noticed[noticed] = True
    withdrawn = gives & (rng.random(len(rows)) < desk.params.risk.withdrawn_share)
    room = np.maximum(state.notice_days[rows] - 4, 5)
    later = deadline + rng.integers(3, room)
    desk.withdraws_day[rows[withdrawn]] = later[withdrawn]
    desk.leaves_day[rows[withdrawn]] = NEVER
    _plan_comebacks(desk, rows[~withdrawn])
    return rows


def _plan_comebacks(desk: Desk, rows: Ints) -> None:
    """Draw who will be back within 30 days and who much later."""
    risk, rng = desk.params.risk, desk.rng
    luck = rng.random(len(rows))
    quick = np.array(risk.return_shares)[desk.cause[rows]]
    soon, late = rng.integers(5, 28, len(rows)), rng.integers(60, 400, len(rows))
    after = np.where(luck < quick, soon, np.where(luck < quick + risk.late_return_share, late, -1))
    days = np.where(after > 0, desk.leaves_day[rows] + after, NEVER)
    desk.returns_day[rows] = days


def drop_addons(desk: Desk, span: Span) -> None:
    """Draw who gives up the second line alone at the deadline; write those notices."""
    state = desk.state
    deadline = state.term_ends_day - state.notice_days
    due = (deadline >= span.first) & (deadline < span.last)
    free = state.staying & due & (desk.leaves_day == NEVER) & (desk.addon_line >= 0)
    chance = addon_chance(state, desk.params, free)
    rows = np.flatnonzero(desk.rng.random(len(state)) < chance)
    state.addon_noticed[rows] = True
    told = rows[state.notice_days[rows] > 0]
    day = deadline[told]
    desk.write("notice", told, addon=True, decided_day=day, effective_day=day)


def end_contracts(desk: Desk, span: Span) -> None:
    """End the contracts whose last day has come, every line of theirs."""
    state = desk.state
    rows = np.flatnonzero((desk.leaves_day >= span.first) & (desk.leaves_day < span.last))
    for code, kind in enumerate(END_KINDS):
        some = rows[desk.cause[rows] == code]
        day = desk.leaves_day[some]
        _write_ends(desk, kind, some, day)
        _write_addon_ends(desk, kind, some[desk.addon_line[some] >= 0])
    desk.kept_minor[rows] = state.mrr_minor[rows] - state.addon_mrr_minor[rows]
    desk.kept_seats[rows] = state.seats[rows]
    for name in ("mrr_minor", "addon_mrr_minor", "seats"):
        getattr(state, name)[rows] = 0
    for name in ("active", "noticed", "addon_noticed"):
        getattr(state, name)[rows] = False
    desk.addon_line[rows], desk.leaves_day[rows] = -1, NEVER


def _write_ends(desk: Desk, kind: str, rows: Ints, day: Ints) -> None:
    when = {"decided_day": day, "effective_day": day}
    desk.write(kind, rows, addon=False, mrr_after_minor=0, seats_after=0, **when)
    desk.books.end_lines(desk.base_line[rows], day)


def _write_addon_ends(desk: Desk, kind: str, rows: Ints) -> None:
    day = desk.leaves_day[rows]
    when = {"decided_day": day, "effective_day": day}
    desk.write(kind, rows, addon=True, mrr_after_minor=0, **when)
    desk.books.end_lines(desk.addon_line[rows], day)


def withdraw(desk: Desk, span: Span) -> None:
    """Let those who think again take their notice back."""
    rows = np.flatnonzero((desk.withdraws_day >= span.first) & (desk.withdraws_day < span.last))
    desk.write_both("notice_withdrawn", rows, desk.withdraws_day[rows])
    desk.state.noticed[rows] = False
    desk.withdraws_day[rows] = NEVER
