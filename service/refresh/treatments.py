"""Rescue work as it was known: who was contacted when, whoever they are called now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from lifecycle.merges import read_survivors
from lifecycle.snapshot import Snapshot

Treatments = Mapping[str, list[date]]


def read_treatments(snapshot: Snapshot) -> Treatments:
    """Return the days (company's zone) on which work was begun for an account, by account id.

    Rows of accounts that were only held out are no work. Work for a duplicate counts for the
    account that it was merged into too.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    survivors = read_survivors(snapshot)
    work = snapshot.table("interventions")
    work = work.filter(~work.is_holdout).select("account_id", "started_at")
    found: dict[str, list[date]] = {}
    for row in snapshot.collect(work).to_pylist():
        day = row["started_at"].astimezone(snapshot.zone).date()
        for name in {row["account_id"], survivors.get(row["account_id"], row["account_id"])}:
            found.setdefault(name, []).append(day)
    return found


def was_treated(days: Treatments, account_id: str, *, start: date, end: date) -> bool:
    """Say whether work was begun for an account in ``[start, end)``."""
    return any(start <= day < end for day in days.get(account_id, ()))
