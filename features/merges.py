"""Duplicates that were found to be one account: whose facts count for whom."""

from __future__ import annotations

from typing import Any

import ibis

from lifecycle.snapshot import Snapshot

_DOUBLINGS = 3
"""Chains of up to 2 ** 3 merges are followed; longer ones, and circles, end where this ends."""


def build_merges(snapshot: Snapshot, as_of: Any) -> ibis.Table | None:
    """Build account_id and survivor_id: one row per duplicate known before ``as_of``.

    An account merged twice went where the latest merge says. ``None``: no merge was ever told, and
    the ten joins that look for one are a good part of what a query costs.
    """
    if not snapshot.holds("account_merges"):
        return None
    merges = snapshot.known("account_merges", as_of)
    merges = merges.filter(merges.account_id != merges.into_account_id)
    newest_first = ibis.window(
        group_by="account_id", order_by=[ibis.desc("merged_at"), ibis.desc("merge_id")]
    )
    ranked = merges.mutate(place=ibis.row_number().over(newest_first))
    found = ranked.filter(ranked.place == 0).select("account_id", survivor_id="into_account_id")
    for _ in range(_DOUBLINGS):
        onward = found.select(via_id="account_id", next_id="survivor_id")
        joined = found.left_join(onward, found.survivor_id == onward.via_id)
        found = joined.select(
            "account_id", survivor_id=ibis.coalesce(joined.next_id, joined.survivor_id)
        )
    return found


def with_survivors(rows: ibis.Table, merges: ibis.Table | None) -> ibis.Table:
    """Replace ``account_id`` by the account that the merges known by then left over."""
    if merges is None:
        return rows
    renamed = merges.select(duplicate_id="account_id", survivor_id="survivor_id")
    joined = rows.left_join(renamed, rows.account_id == renamed.duplicate_id)
    survivor = ibis.coalesce(joined.survivor_id, joined.account_id).name("account_id")
    return joined.select(*(survivor if name == "account_id" else name for name in rows.columns))
