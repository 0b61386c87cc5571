"""Which account stands for which, after the merges known on a day."""

from __future__ import annotations

from collections.abc import Mapping

from lifecycle.snapshot import Snapshot


def read_survivors(snapshot: Snapshot) -> dict[str, str]:
    """Return, for each duplicate, the account that it was merged into, chains followed.

    Of two merges of one account the later holds; a ring of merges (bad data) ends where it began.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    merges = snapshot.table("account_merges")
    rows = snapshot.collect(merges).to_pylist()
    rows.sort(key=lambda row: (row["merged_at"], row["merge_id"]))
    into = {row["account_id"]: row["into_account_id"] for row in rows}
    return {name: _last(name, into) for name in into}


def _last(name: str, into: Mapping[str, str]) -> str:
    seen = {name}
    while name in into and into[name] not in seen:
        name = into[name]
        seen.add(name)
    return name
