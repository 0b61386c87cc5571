"""How contracts go on: renewals at a new price, comebacks, and what won deals add."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lifecycle.world.desk import Desk
from lifecycle.world.hazards import Span
from lifecycle.world.renewals import Renewal, draw_renewals, draw_uplift, next_term_end, renew
from lifecycle.world.seams import Expansions
from lifecycle.world.state import NEVER, Bools, Ints, State
from lifecycle.world.trace import PRODUCT_ADDON

GRACE_DAYS = 30


def renew_terms(desk: Desk, span: Span, price: float) -> None:
    """Renew the terms that end in a week: new price, sometimes another size.

    ``price`` is the macro shock on the price change asked for at the following renewal.
    """
    state = desk.state
    ends = (state.term_ends_day >= span.first) & (state.term_ends_day < span.last)
    due: Bools = ends & state.staying
    renewal = draw_renewals(state, desk.params, due, desk.rng)
    before, seats = state.take(renewal.rows), state.seats[renewal.rows]
    dropped = desk.addon_line[renewal.rows] >= 0
    dropped &= before.addon_noticed
    _write_dropped(desk, renewal, dropped)
    base = renew(state, desk.params, renewal, price=np.asarray(price), rng=desk.rng)
    old = before.mrr_minor - before.addon_mrr_minor
    rows, day = renewal.rows, renewal.day
    desk.moved_day[rows] = day
    when = {"decided_day": day, "effective_day": day}
    full = {"seats_before": seats, "seats_after": seats}
    desk.write("renewal", rows, addon=False, mrr_before_minor=old, mrr_after_minor=old,
               **when, **full)  # fmt: skip
    _write_some(desk, "price_change", rows, [old, renewal.base_minor, day, seats, seats])
    facts = [renewal.base_minor, base, day, seats, state.seats[rows]]
    for kind, moved in (
        ("contraction", base < renewal.base_minor),
        ("expansion", base > renewal.base_minor),
    ):
        _write_some(desk, kind, rows[moved], [one[moved] for one in facts])
    goes_on = (desk.addon_line[rows] >= 0) & ~dropped
    _write_addon_terms(desk, renewal, before, goes_on)
    desk.addon_line[rows[dropped]] = -1


def _write_dropped(desk: Desk, renewal: Renewal, dropped: Bools) -> None:
    rows, day = renewal.rows[dropped], renewal.day[dropped]
    desk.write(
        "nonrenewal", rows, addon=True, mrr_after_minor=0, decided_day=day, effective_day=day
    )
    desk.books.end_lines(desk.addon_line[rows], day)


def _write_some(desk: Desk, kind: str, rows: Ints, facts: list[npt.NDArray[np.generic]]) -> None:
    """Write base-line movements where MRR changed; facts: before, after, day, seats, seats."""
    moved = facts[0] != facts[1]
    before, after, day, had, has = (one[moved] for one in facts)
    desk.write(
        kind, rows[moved], addon=False, mrr_before_minor=before, mrr_after_minor=after,
        decided_day=day, effective_day=day, seats_before=had, seats_after=has,
    )  # fmt: skip


def _write_addon_terms(desk: Desk, renewal: Renewal, before: State, goes_on: Bools) -> None:
    rows, day = renewal.rows[goes_on], renewal.day[goes_on]
    old, new = before.addon_mrr_minor[goes_on], renewal.addon_minor[goes_on]
    when = {"decided_day": day, "effective_day": day}
    desk.write("renewal", rows, addon=True, mrr_before_minor=old, mrr_after_minor=old, **when)
    moved = old != new
    changed = {name: values[moved] for name, values in when.items()}
    desk.write("price_change", rows[moved], addon=True, mrr_before_minor=old[moved],
               mrr_after_minor=new[moved], **changed)  # fmt: skip


def come_back(desk: Desk, span: Span, price: float) -> None:
    """Bring back who left: within 30 days the same line goes on, later a new one begins."""
    state = desk.state
    rows = np.flatnonzero((desk.returns_day >= span.first) & (desk.returns_day < span.last))
    day = desk.returns_day[rows]
    desk.returns_day[rows], desk.moved_day[rows] = NEVER, day
    late = day - desk.books.line_facts("ended_day", desk.base_line[rows]) > GRACE_DAYS
    _reopen(desk, rows[late], day[late])
    desk.books.end_lines(desk.base_line[rows], NEVER)
    desk.kept_minor[rows] = np.where(late, np.rint(0.8 * desk.kept_minor[rows]),
                                     desk.kept_minor[rows])  # fmt: skip
    state.mrr_minor[rows], state.seats[rows] = desk.kept_minor[rows], desk.kept_seats[rows]
    state.active[rows] = True
    state.term_ends_day[rows] = next_term_end(state, desk.params, rows, day)
    state.uplift[rows] = draw_uplift(state.take(rows), desk.params, np.asarray(price), desk.rng)
    desk.write("reactivation", rows, addon=False, mrr_before_minor=0, seats_before=0,
               decided_day=day, effective_day=day)  # fmt: skip


def _reopen(desk: Desk, rows: Ints, day: Ints) -> None:
    """Open a new line for accounts that come back after more than 30 days."""
    names = ("product", "term_months", "notice_days", "billing_months", "payment_terms_days",
             "auto_renew", "discount_share")  # fmt: skip
    old = desk.base_line[rows]
    facts = {name: desk.books.line_facts(name, old) for name in names}
    lines = desk.books.open_lines(len(rows), account=rows, started_day=day, **facts)
    desk.base_line[rows], desk.state.contract_started_day[rows] = lines, day


def expand(desk: Desk, wins: Expansions) -> None:
    """Put won expansion deals into contracts, as new seats or as a second line."""
    state = desk.state
    rows, first = np.unique(wins.account_index, return_index=True)
    stays = state.staying[rows]
    rows, first = rows[stays], first[stays]
    added = np.bincount(
        np.searchsorted(rows, wins.account_index[np.isin(wins.account_index, rows)]),
        weights=wins.added_mrr_minor[np.isin(wins.account_index, rows)],
        minlength=len(rows),
    ).astype(np.int64)
    deal, decided = wins.deal_index[first], wins.closed_day[first]
    second = (desk.addon_line[rows] < 0) & (
        desk.rng.random(len(rows)) < desk.params.growth.addon_win_share
    )
    _open_addons(desk, rows[second], added[second], day=decided[second], deal=deal[second])
    more = ~second
    rows, added, deal, decided = rows[more], added[more], deal[more], decided[more]
    before = state.mrr_minor[rows] - state.addon_mrr_minor[rows]
    seats = state.seats[rows]
    state.mrr_minor[rows] += added
    state.seats[rows] = np.rint(seats * (1.0 + added / before))
    day = np.maximum(decided, desk.moved_day[rows])
    desk.write("expansion", rows, addon=False, mrr_before_minor=before, seats_before=seats,
               decided_day=day, effective_day=day, deal=deal)  # fmt: skip


def _open_addons(desk: Desk, rows: Ints, added: Ints, *, day: Ints, deal: Ints) -> None:
    state = desk.state
    names = ("term_months", "notice_days", "billing_months", "payment_terms_days", "auto_renew")
    facts = {name: desk.books.line_facts(name, desk.base_line[rows]) for name in names}
    lines = desk.books.open_lines(
        len(rows), account=rows, product=PRODUCT_ADDON, started_day=day, discount_share=0.0,
        deal=deal, **facts,
    )  # fmt: skip
    desk.addon_line[rows] = lines
    state.mrr_minor[rows] += added
    state.addon_mrr_minor[rows] += added
    desk.write("new", rows, addon=True, mrr_before_minor=0, decided_day=day, effective_day=day,
               deal=deal)  # fmt: skip
