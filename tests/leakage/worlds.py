"""One small company told in four ways that may not differ to anyone who stands on day t.

``as it was``, and with its future, i.e. the facts known at t or later,

- *deleted*;
- *shuffled*: amounts times 1000, moved to other accounts;
- *back-dated*: facts added that happened before t but were known at t or later.

Deleting alone misses leaks that shuffling and adding find (a scale taken over all history, an
event clock used for the known clock, `<=` for `<`), so a thing is called blind to the future only
when all four give the same bytes::

    check_blind(worlds, lambda history: account_frame(history.as_of(worlds.day)))
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from lifecycle.engine import open_engine
from lifecycle.history import History
from lifecycle.periods import day_start
from tests.builders import account, build_lake, order

Facts = dict[str, list[dict[str, Any]]]
ZONE = ZoneInfo("Europe/London")
TODAY = date(2011, 7, 1)  # summer time, so that the day does not begin at midnight UTC
_FIRST = date(2009, 3, 1)
_SEGMENTS = ("home", "abroad")


@dataclass(frozen=True)
class Worlds:
    """The tellings by name; the first is as it was."""

    day: date
    histories: Mapping[str, History]


class LeakFound(AssertionError):  # noqa: N818  (a finding, not a fault)
    """An answer changed with a future that it may not know."""


def check_blind(worlds: Worlds, answer: Callable[[History], object]) -> None:
    """Raise LeakFound unless the answer has the same bytes in every world."""
    digests = {name: digest(answer(history)) for name, history in worlds.histories.items()}
    truth = next(iter(digests.values()))
    changed = [name for name, found in digests.items() if found != truth]
    if changed:
        raise LeakFound(f"the answer as of {worlds.day} changed when the future was {changed}")


def digest(answer: object) -> str:
    """SHA-256 over the bytes of a table, array, text, bytes, or a JSON value."""
    return hashlib.sha256(_bytes(answer)).hexdigest()


def _bytes(answer: object) -> bytes:
    if isinstance(answer, pa.Table):
        sink = pa.BufferOutputStream()
        whole = answer.combine_chunks().replace_schema_metadata(None)
        with pa.ipc.new_stream(sink, whole.schema) as writer:
            writer.write_table(whole)
        return sink.getvalue().to_pybytes()
    if isinstance(answer, np.ndarray):
        return answer.tobytes()
    if isinstance(answer, bytes):
        return answer
    return json.dumps(answer, sort_keys=True, default=repr).encode()


def build_worlds(folder: Path, day: date = TODAY) -> Worlds:
    """Write the four lakes and open their histories."""
    facts, at = company(day), day_start(day, ZONE)
    return write_worlds(folder, day, facts, shuffle(facts, at), back_date(facts, at))


def write_worlds(
    folder: Path, day: date, facts: Facts, shuffled: Facts, back_dated: Facts
) -> Worlds:
    """Write the lakes of facts and of their other tellings, and open their histories."""
    told = {
        "as it was": facts,
        "deleted": delete(facts, day_start(day, ZONE)),
        "shuffled": shuffled,
        "back-dated": back_dated,
    }
    histories = {}
    for name, tables in told.items():
        lake = build_lake(folder / name.replace(" ", "-"), **tables)
        histories[name] = History(lake, open_engine(), zone=ZONE)
    return Worlds(day, histories)


def company(day: date) -> Facts:
    """150 accounts that buy at their own pace until a year after ``day``; some news comes late.

    Some facts are known exactly when the day begins: they belong to the future.
    """
    draw = random.Random(7)
    names = [f"a{n:03}" for n in range(150)]
    orders = [
        _order(draw, names[n % 150], at)
        for n in range(150)
        for at in _moments(draw, day + timedelta(days=365))
    ]
    tie = day_start(day, ZONE)
    for name in names[:30]:
        orders.append(_order(draw, name, tie - timedelta(days=3)) | {"known_at": tie})
        orders.append(_order(draw, name, tie))
    people = [
        account(name, _FIRST, segment=draw.choice(_SEGMENTS), country=draw.choice(["gb", "fr"]))
        for name in names
    ]
    rows = sorted(orders, key=lambda row: (row["ordered_at"], row["known_at"]))
    numbered = [{"order_id": f"o{n}", **row} for n, row in enumerate(rows)]
    return {"orders": numbered, "accounts": people}


def _moments(draw: random.Random, last: date) -> list[datetime]:
    """Noon-ish instants of one account's orders, at its own mean gap of 20 to 150 days."""
    gap = draw.choice([20, 45, 80, 150])
    at = datetime(_FIRST.year, _FIRST.month, _FIRST.day, 10, tzinfo=UTC)
    at += timedelta(days=draw.uniform(0, 400))
    end, found = day_start(last, ZONE), []
    while at < end and not (found and draw.random() < 0.02):
        found.append(at.replace(microsecond=0))
        at += timedelta(days=draw.expovariate(1 / gap) + 0.3)
    return found


def _order(draw: random.Random, name: str, at: datetime) -> dict[str, Any]:
    sale = draw.random() > 0.1
    return order(
        None if draw.random() < 0.05 else name,
        at,
        known=at + timedelta(days=draw.choice([0, 0, 0, 0, 1, 5, 30])),
        amount_minor=round(draw.lognormvariate(9, 1)) * (1 if sale else -1),
        segment=draw.choice(_SEGMENTS),
        country="gb",
    )


def delete(facts: Facts, at: datetime) -> Facts:
    """Remove what was known at ``at`` or later."""
    return {name: [row for row in rows if row["known_at"] < at] for name, rows in facts.items()}


def shuffle(facts: Facts, at: datetime) -> Facts:
    """Multiply future amounts by 1000 and move them to other accounts."""
    future = [row for row in facts["orders"] if row["known_at"] >= at]
    owners = [row["account_id"] for row in future]
    random.Random(11).shuffle(owners)
    moved = [
        {**row, "account_id": owner, "amount_minor": row["amount_minor"] * 1000}
        for row, owner in zip(future, owners, strict=True)
    ]
    return {**facts, "orders": delete(facts, at)["orders"] + moved}


def back_date(facts: Facts, at: datetime) -> Facts:
    """Add orders and account versions that happened before ``at`` but were known from then on."""
    past = delete(facts, at)
    orders = [
        {**row, "order_id": f"late-{row['order_id']}", "known_at": at + timedelta(days=n % 40),
         "account_id": ["stranger", row["account_id"]][n % 2], "amount_minor": 7_000_000}
        for n, row in enumerate(past["orders"][::5])
    ]  # fmt: skip
    people = [
        {**row, "segment": "elsewhere", "known_at": at + timedelta(days=n % 2)}
        for n, row in enumerate(past["accounts"][::3])
    ]
    return {
        "orders": facts["orders"] + orders,
        "accounts": facts["accounts"] + people,
    }
