"""Contract facts in a line each, for tests of the contract features.

Money is in pence; a line `s1` of account `a1` starts on 1 January 2020 at 100.00 a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from tests.builders import Row, build_lake, fact, noon

START = date(2020, 1, 1)
MRR = 10_000
_LEAVING = ("nonrenewal", "midterm_cancel", "involuntary_cancel")
_numbers: Iterator[int] = count()


def sub(line: str = "s1", account: str = "a1", start: date = START, **other: Any) -> Row:
    """One version of a line, known from ``known`` (its first day, if not given) on."""
    row = {"subscription_id": line, "account_id": account, "started_on": start}
    return fact(start, **{**row, "mrr_minor": MRR, "currency": "GBP", **other})


def change(kind: str, day: date, line: str = "s1", **other: Any) -> Row:
    """One change, made at noon of ``day`` and known then; ``on`` is its effective day."""
    row = {
        "change_id": f"c{next(_numbers):06}",
        "subscription_id": line,
        "account_id": other.pop("account", "a1"),
        "kind": kind,
        "changed_at": noon(day),
        "effective_on": other.pop("on", day),
        "mrr_before_minor": other.pop("before", MRR),
        "mrr_after_minor": other.pop("after", 0 if kind in _LEAVING else MRR),
        "currency": "GBP",
    }
    return fact(day, **{**row, **other})


def attribute(entity_id: str, name: str, value: float | str, **other: Any) -> Row:
    """A custom field of an account (or another ``entity``), known from 1 January 2020 on."""
    kind = "text" if isinstance(value, str) else "number"
    row = {"entity": "account", "entity_id": entity_id, "name": name, kind: value}
    return fact(START, **{**row, **other})


def merge(account: str, into: str, day: date) -> Row:
    """Two accounts that became one on a day."""
    row = {"account_id": account, "into_account_id": into, "merged_at": noon(day)}
    return fact(day, merge_id=f"m-{account}-{into}", **row)


def snapshot_of(folder: Path, day: date | datetime, zone: str = "UTC", **tables: Any) -> Snapshot:
    """Write a lake and stand on a day."""
    build_lake(folder, **tables)
    return open_history(folder / "lake", zone=ZoneInfo(zone)).as_of(day)
