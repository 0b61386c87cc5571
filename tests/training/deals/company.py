"""A small company that sells by deals, with an honest law and leaks that can be planted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.history import History, open_history
from lifecycle.snapshot import Snapshot
from tests.builders import Row, build_lake, fact

FIRST, TODAY = date(2020, 1, 6), date(2022, 1, 5)
STAGES = ("Lead", "Demo", "Offer")
DEALS = 420
Told = tuple[str, Row]


def build_selling(folder: Path, *, plant: str = "") -> Snapshot:
    """Return what the company knows on ``TODAY``.

    ``plant``: ``told_close`` (the close date is set to the won date), ``final_amount`` (versions
    carry the amount it was won for), ``remark`` (why it was lost, dated back to the creation),
    ``born_closed`` (deals opened already won), ``sweep`` (silent deals closed on one day).
    """
    tables: dict[str, list[Row]] = {}
    for number in range(DEALS):
        for name, row in _deal(number, random.Random(number), plant):
            tables.setdefault(name, []).append(row)
    for name, row in _extra(plant):
        tables.setdefault(name, []).append(row)
    build_lake(folder, batch="b1", **tables)
    return open_selling(folder).as_of(TODAY)


def open_selling(folder: Path) -> History:
    """Open the company's lake."""
    return open_history(folder / "lake", zone=ZoneInfo("UTC"))


def _deal(number: int, draw: random.Random, plant: str) -> Iterator[Told]:
    who, good = f"d{number:03}", draw.gauss(0.0, 1.0)
    born = _at(FIRST, draw.uniform(0, 690))
    won = draw.random() < 1 / (1 + 2.718 ** (0.9 - 1.6 * good))
    ends = born + timedelta(days=draw.uniform(25, 150))
    amount = draw.randrange(10, 90) * 10_000
    final = int(amount * 0.9) if won else amount
    due = (born + timedelta(days=draw.randrange(40, 140))).date()
    state = "won" if won else "lost"
    shown = final if plant == "final_amount" else amount
    first_due = ends.date() if won and plant == "told_close" else due
    told: dict[str, Any] = {
        "stage": "Lead",
        "outcome": "open",
        "owner_id": f"o{number % 5}",
        "close_on": first_due,
    }
    told |= {"category": "commit" if good > 1 else "pipeline", "amount_minor": shown}
    yield "opportunities", _version(who, born, born, **told)
    for place in range(1, 2 + (good > 0)):
        at = born + (ends - born) * (place / 3)
        yield "opportunity_changes", _change(who, at, "stage", (STAGES[place - 1], STAGES[place]))
        yield "activities", _contact(who, at, place)
    if plant == "remark":
        text = "as agreed" if won else "too dear"
        about = {"entity": "opportunity", "entity_id": who, "name": "remark", "text": text}
        yield "attributes", fact(born, **about)
    if ends < _at(TODAY, 0.0):
        yield from _close(who, born, ends, state=state, amounts=(amount, final))


def _close(
    who: str, born: datetime, ends: datetime, *, state: str, amounts: tuple[int, int]
) -> Iterator[Told]:
    yield "opportunity_changes", _change(who, ends, "outcome", ("open", state))
    yield "opportunity_changes", _amount(who, ends, *amounts)
    told = {"outcome": state, "closed_at": ends, "close_on": ends.date(), "stage": "Offer"}
    yield "opportunities", _version(who, born, ends, amount_minor=amounts[1], **told)


def _extra(plant: str) -> Iterator[Told]:
    for number in range(30):
        born = _at(date(2020, 8, 3), number)
        if plant == "born_closed":
            yield "opportunities", _version(f"x{number}", born, born, outcome="won", closed_at=born)
        if plant == "sweep":
            swept = datetime(2021, 4, 12, 5, tzinfo=UTC)
            yield "opportunities", _version(f"x{number}", born, born, outcome="open", stage="Lead")
            yield "activities", _contact(f"x{number}", born, 0)
            yield (
                "opportunity_changes",
                _change(f"x{number}", swept, "outcome", ("open", "lost"), changed_by="ops"),
            )


def _at(day: date, days: float) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + timedelta(days=days)


def _version(who: str, born: datetime, known: datetime, **other: Any) -> Row:
    row = {
        "opportunity_id": who,
        "account_id": f"a{who}",
        "kind": "new_business",
        "created_at": born,
        "currency": "GBP",
    }
    return fact(known, **{**row, **other})


def _change(who: str, at: datetime, field: str, sides: tuple[str, str], **other: Any) -> Row:
    return fact(
        at,
        change_id=f"{who}-{field}-{at:%y%j%H%M}",
        opportunity_id=who,
        changed_at=at,
        field=field,
        text_before=sides[0],
        text_after=sides[1],
        **other,
    )


def _amount(who: str, at: datetime, before: int, after: int) -> Row:
    return fact(
        at,
        change_id=f"{who}-amount",
        opportunity_id=who,
        changed_at=at,
        field="amount",
        amount_before_minor=before,
        amount_after_minor=after,
        currency="GBP",
    )


def _contact(who: str, at: datetime, place: int) -> Row:
    return fact(
        at,
        activity_id=f"{who}-{place}",
        opportunity_id=who,
        kind="meeting",
        outcome="held",
        direction="in",
        occurred_at=at,
    )
