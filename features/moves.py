"""What the monthly recurring revenue of each contract line did, day by day."""

from __future__ import annotations

from typing import Any

import ibis

from features.days import day_of_date, day_of_event
from lifecycle.snapshot import Snapshot

ORDER = (
    "new",
    "reactivation",
    "resume",
    "renewal",
    "price_change",
    "expansion",
    "contraction",
    "pause",
    "nonrenewal",
    "midterm_cancel",
    "involuntary_cancel",
)
"""Changes that move money, in the order in which they count when they were made at one instant."""
END_PLACE = ORDER.index("nonrenewal")


def build_line_moves(snapshot: Snapshot, as_of: Any) -> ibis.Table:
    """Build one row per line and day on which its MRR changed hands.

    Several changes of a day are one move from the first one's ``before`` to the last one's
    ``after``, and the move has the last one's kind: a line that changes its plan on the day it
    ends, ends. Money in another currency than the line's present one is left out.

    Returns
    -------
    ibis.Table
        subscription_id, moved_day and changed_day (numbers of days), kind, mrr_before_minor,
        mrr_after_minor, term_ends_day.
    """
    changes = _money_changes(snapshot, as_of)
    rows = changes.mutate(place=_place(changes.kind))
    in_a_day = ibis.window(
        group_by=["subscription_id", "moved_day"],
        order_by=[(rows.place >= END_PLACE).ifelse(1, 0), "changed_at", "place", "change_id"],
    )
    numbered = rows.mutate(nth=ibis.row_number().over(in_a_day).cast("int64"))
    return numbered.group_by("subscription_id", "moved_day").agg(
        changed_day=numbered.changed_day.min(),
        kind=numbered.kind.argmax(numbered.nth),
        mrr_before_minor=numbered.before_minor.argmin(numbered.nth),
        mrr_after_minor=numbered.after_minor.argmax(numbered.nth),
        term_ends_day=numbered.term_ends_day.max(),
    )


def _money_changes(snapshot: Snapshot, as_of: Any) -> ibis.Table:
    changes = snapshot.known("subscription_changes", as_of)
    changes = changes.filter(changes.kind.isin(ORDER))
    own = snapshot.known("subscriptions", as_of).select(
        line_id="subscription_id", line_currency="currency"
    )
    joined = changes.left_join(own, changes.subscription_id == own.line_id)
    foreign = (joined.currency != joined.line_currency).fill_null(False)
    gone = joined.kind.isin(ORDER[END_PLACE:])
    return joined.filter(~foreign).select(
        "subscription_id",
        "change_id",
        "changed_at",
        "kind",
        changed_day=day_of_event(snapshot, "subscription_changes", joined.changed_at),
        moved_day=day_of_date(joined.effective_on),
        term_ends_day=day_of_date(joined.term_ends_on),
        before_minor=joined.mrr_before_minor,
        after_minor=gone.ifelse(0, joined.mrr_after_minor),
    )


def _place(kind: Any) -> Any:
    place = ibis.literal(len(ORDER), type="int64")
    for number, name in enumerate(ORDER):
        place = (kind == name).ifelse(number, place)
    return place
