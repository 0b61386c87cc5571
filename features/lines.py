"""Contract lines as known at a snapshot: who holds what, since when, until when, for how much.

A line that ended and came back after more than thirty days has one row per *spell*, so that a
later return does not undo a leave. At most one spell of a line is live on a day.
"""

from __future__ import annotations

from typing import Any

import ibis
import pyarrow as pa

from features.clock import any_clock, clock_values
from features.days import day_of_date
from features.ends import build_ends, build_signals
from features.merges import build_merges, with_survivors
from features.moves import build_line_moves
from lifecycle.snapshot import Snapshot

TEST_FLAGS = ("is_test", "test_account", "is_internal", "is_demo")
"""Attributes of an account or a line that, when true, say that it is no customer."""
_TRUE = ("true", "t", "yes", "y", "1")


def build_lines(snapshot: Snapshot) -> pa.Table:
    """Build one row per spell of a contract line, ended ones too.

    Lines of test accounts and lines that were never to be paid for are left out, and so are those
    that ended on their first day or before.

    Returns
    -------
    pyarrow.Table
        subscription_id, account_id (after the merges known by then), held_by_id (before them),
        spell (int64, from 0), product_id, started_on, term_started_on, term_ends_on, term_months,
        auto_renew, notice_days, billing_months, payment_terms_days, mrr_minor (on the eve of the
        as-of day), seats_count, discount_share, uplift_share; decided_on, ended_on and cause, null
        while it lives. Sorted by subscription_id and spell.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    found = _answer(snapshot, "contract_lines", build_line_spells)
    return _with_dates(found.sort_by([("subscription_id", "ascending"), ("spell", "ascending")]))


def build_moves(snapshot: Snapshot) -> pa.Table:
    """Build one row per contract line and day on which its MRR moved, known by then.

    Returns
    -------
    pyarrow.Table
        subscription_id, moved_on (first day on which it counts), changed_on (first decided),
        kind, mrr_before_minor, mrr_after_minor (0 at an end), term_ends_on. Sorted by
        subscription_id and moved_on. Lines of every account, test accounts too.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    found = _answer(snapshot, "contract_moves", lambda one, as_of, _: build_line_moves(one, as_of))
    return _with_dates(
        found.sort_by([("subscription_id", "ascending"), ("moved_day", "ascending")])
    )


def build_line_spells(snapshot: Snapshot, as_of: Any, today: Any) -> ibis.Table:
    """Build the rows of :func:`build_lines` as one expression, days as numbers."""
    moves = build_line_moves(snapshot, as_of).alias("line_moves")
    lines = _add_money(_build_present(snapshot, as_of), moves, today)
    lines = with_survivors(lines, build_merges(snapshot, as_of))
    for entity, key in (("account", "account_id"), ("subscription", "subscription_id")):
        marked = _build_tests(snapshot, as_of, entity)
        lines = lines.filter(lines[key].notin(marked.entity_id))
    lines = lines.alias("paid_lines")
    ends = build_ends(build_signals(snapshot, as_of), lines).alias("line_ends")
    spells = _build_spells(lines, ends)
    joined = lines.join(spells, "subscription_id")
    return joined.filter(joined.ended_day.isnull() | (joined.ended_day > joined.started_day))


def _build_present(snapshot: Snapshot, as_of: Any) -> ibis.Table:
    lines = snapshot.known("subscriptions", as_of)
    started = day_of_date(lines.started_on)
    term_started = ibis.coalesce(day_of_date(lines.term_started_on), started)
    term_ends = day_of_date(lines.term_ends_on)
    return lines.select(
        "subscription_id",
        "account_id",
        "product_id",
        "term_months",
        "auto_renew",
        "notice_days",
        "billing_months",
        "payment_terms_days",
        "seats_count",
        "discount_share",
        "uplift_share",
        held_by_id="account_id",
        first_started_day=started,
        term_started_day=term_started,
        # A term that ends before it starts says nothing.
        version_ends_day=(term_ends > term_started).ifelse(term_ends, ibis.null()),
        version_mrr_minor="mrr_minor",
    )


def _add_money(lines: ibis.Table, moves: ibis.Table, today: Any) -> ibis.Table:
    """Add mrr_minor on the eve of today and the latest term end; drop lines never paid for."""
    past = moves.moved_day < today
    after, before = moves.mrr_after_minor, moves.mrr_before_minor
    sums = moves.group_by("subscription_id").agg(
        last_minor=after.argmax(moves.moved_day, where=past),
        first_minor=before.argmin(moves.moved_day, where=~past),
        most_after_minor=after.max(where=past),
        most_before_minor=before.max(where=past),
        told_ends_day=moves.term_ends_day.max(),
    )
    joined = lines.left_join(sums, "subscription_id")
    now = ibis.coalesce(joined.last_minor, joined.first_minor, joined.version_mrr_minor)
    paid = (
        (now > 0)
        | (joined.most_after_minor > 0).fill_null(False)
        | (joined.most_before_minor > 0).fill_null(False)
    )
    ends = ibis.greatest(
        ibis.coalesce(joined.told_ends_day, joined.version_ends_day),
        ibis.coalesce(joined.version_ends_day, joined.told_ends_day),
    )
    kept = [name for name in lines.columns if not name.startswith("version_")]
    return joined.filter(paid).select(*kept, mrr_minor=now, term_ends_day=ends)


def _build_tests(snapshot: Snapshot, as_of: Any, entity: str) -> ibis.Table:
    marks = snapshot.known("attributes", as_of)
    text = marks.text.lower().isin(_TRUE).fill_null(False)
    true = text | (marks.number != 0).fill_null(False)
    named = (marks.entity == entity) & marks.name.lower().isin(TEST_FLAGS)
    return marks.filter(named & true).select("entity_id").distinct()


def _build_spells(lines: ibis.Table, ends: ibis.Table) -> ibis.Table:
    """Build subscription_id, spell, started_day and the end of each spell (null while it lives)."""
    in_order = ibis.window(group_by="subscription_id", order_by="round")
    first = lines.select("subscription_id", round=ibis.literal(-1, type="int64"),
                         started_day="first_started_day")  # fmt: skip
    back = ends.filter(ends.back_day.notnull())
    again = back.select("subscription_id", round=back["round"].cast("int64"),
                        started_day="back_day")  # fmt: skip
    starts = ibis.union(first, again, distinct=False)
    numbered = starts.mutate(spell=ibis.row_number().over(in_order).cast("int64"))
    ended = ends.mutate(spell=ibis.row_number().over(in_order).cast("int64"))
    return numbered.left_join(ended, ["subscription_id", "spell"]).select(
        "subscription_id", "spell", "started_day", "ended_day", "decided_day", "cause"
    )


def _answer(snapshot: Snapshot, name: str, build: Any) -> pa.Table:
    clock = any_clock()
    parameters = {"as_of": clock.as_of, "today": clock.today}
    if name == "contract_moves":
        del parameters["today"]
    values = clock_values(snapshot)
    return snapshot.answer(
        name,
        lambda: build(snapshot, clock.as_of, clock.today),
        parameters,
        {key: values[key] for key in parameters},
    )


def _with_dates(found: pa.Table) -> pa.Table:
    """Turn numbers of days into dates, ``_day`` into ``_on``."""
    for place, name in enumerate(found.column_names):
        if name.endswith("_day"):
            days = found[name].cast(pa.int32()).cast(pa.date32())
            found = found.set_column(place, name.removesuffix("_day") + "_on", days)
    return found
