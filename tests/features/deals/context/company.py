"""Deals in a line each, and a random company in which much is known late."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from features.deals.facts import DealFacts, Rows, as_days, read_deal_facts
from features.deals.states import open_rows
from lifecycle.history import open_history
from lifecycle.snapshot import Snapshot
from tests.builders import Row, build_lake, fact, noon

DAY = date(2021, 6, 1)
Build = Callable[[DealFacts, Rows, Snapshot], dict[str, Any]]
Facts = dict[str, list[Row]]
_STAGES = ("find", "show", "offer", "haggle")


def ago(days: int) -> date:
    """A day before DAY."""
    return DAY - timedelta(days=days)


def deal(name: str, known: date, **other: Any) -> Row:
    """A version of a deal, opened 300 days before DAY unless ``created`` says otherwise."""
    created = noon(other.pop("created", ago(300)))
    row = {"opportunity_id": name, "created_at": created, "owner_id": "o1", "account_id": "a1",
           "stage": "find", "outcome": "open", "kind": "new_business"}  # fmt: skip
    return fact(known, **{**row, **other})


def opened(name: str, **other: Any) -> Row:
    """A deal as it was opened, known that day."""
    return deal(name, other.get("created", ago(300)), **other)


def closed(name: str, outcome: str, on: date, **other: Any) -> list[Row]:
    """A deal that was opened, and won or lost on a day, known then."""
    end = {"outcome": outcome, "closed_at": noon(on), "stage": outcome}
    return [opened(name, **other), deal(name, on, **{**other, **end})]


def many(outcomes: str, **other: Any) -> list[Row]:
    """Closed deals, one per letter (w or l), ten days apart and the last 100 days before DAY."""
    words = {"w": "won", "l": "lost"}
    owner = other.get("owner_id", "o1")
    return [
        row
        for n, letter in enumerate(outcomes)
        for row in closed(f"{owner}-{n}", words[letter], ago(100 + n % 15), **other)
    ]


def snapshot_of(folder: Path, day: date, **tables: Any) -> Snapshot:
    """Write a lake and stand on a day."""
    build_lake(folder, **tables)
    return open_history(folder / "lake", zone=ZoneInfo("UTC")).as_of(day)


def look(snapshot: Snapshot, build: Build, *days: date) -> dict[str, dict[str, Any]]:
    """Build columns of the deals open on landmarks (the snapshot's day): deal, name, value."""
    facts = read_deal_facts(snapshot)
    rows = open_rows(facts, as_days(sorted(days or (snapshot.day,))))
    columns = build(facts, rows, snapshot)
    ids = facts.ids.take(rows.deal).to_pylist()
    values = {name: list(column) for name, column in columns.items()}
    return {one: {name: values[name][place] for name in values} for place, one in enumerate(ids)}


def rebuilt(snapshot: Snapshot, build: Build, days: list[date]) -> dict[str, list[Any]]:
    """Columns of every deal open on the days, with deal and day, as plain values."""
    facts = read_deal_facts(snapshot)
    rows = open_rows(facts, as_days(days))
    found = {"deal": facts.ids.take(rows.deal).to_pylist(), "day": rows.day.tolist()}
    for name, column in build(facts, rows, snapshot).items():
        is_number = isinstance(column, np.ndarray)
        found[name] = [repr(one) for one in (column if is_number else column.to_pylist())]
    return found


def company(seed: int = 5) -> Facts:
    """90 deals of six owners and 25 accounts over a year and a half; some news comes late."""
    draw = random.Random(seed)
    facts: Facts = {}
    for number in range(90):
        for table, row in _deal_rows(f"d{number:02}", draw):
            facts.setdefault(table, []).append(row)
    facts["owners"] = [
        fact(ago(400), owner_id=f"o{n}", effective_from=ago(900), hired_on=ago(700 + n), role="rep")
        for n in range(4)
    ]
    facts["targets"] = [
        fact(ago(90), target_id=f"t{n}", level="owner", level_name=f"o{n}", metric="bookings",
             period_start_on=date(2021, 4, 1), period_end_on=date(2021, 7, 1),
             amount_minor=500_000, currency="GBP")
        for n in range(4)
    ]  # fmt: skip
    return facts


def _deal_rows(name: str, draw: random.Random) -> Iterator[tuple[str, Row]]:
    at = ago(draw.randrange(20, 500))
    row: dict[str, Any] = {
        "owner_id": f"o{draw.randrange(6)}", "account_id": f"a{draw.randrange(25)}",
        "amount_minor": draw.randrange(1, 90) * 1000, "currency": "GBP",
        "kind": draw.choice(["new_business", "expansion", "renewal", None]),
        "created": at, "close_on": at + timedelta(days=draw.randrange(20, 120)),
    }  # fmt: skip
    yield "opportunities", deal(name, at, **row)
    size = {"entity": "opportunity", "entity_id": name, "name": "size"}
    yield "attributes", fact(at + timedelta(days=draw.randrange(60)), number=1.0, **size)
    for step in range(1, draw.randrange(2, 7)):
        at += timedelta(days=draw.randrange(1, 60))
        late = noon(at) + timedelta(days=draw.choice([0, 0, 3, 25]), minutes=step)
        row |= {"stage": draw.choice(_STAGES), "owner_id": f"o{draw.randrange(6)}",
                "close_on": row["close_on"] + timedelta(days=draw.choice([0, 30, -9]))}  # fmt: skip
        yield "opportunities", deal(name, late, **row)
    outcome = draw.choice(["won", "lost", "lost", "open"])
    if outcome != "open":
        row |= {"closed_at": noon(at), "owner_id": "o0", "close_on": at, "stage": outcome}
        yield (
            "opportunities",
            deal(name, late + timedelta(days=2, minutes=9), **row, outcome=outcome),
        )
