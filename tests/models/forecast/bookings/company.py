"""A small company that sells by deals, the same every month: made by counting, not by luck."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.history import History, open_history
from lifecycle.periods import CALENDAR_YEAR
from models.forecast.bookings.engine import BookingsEngine
from tests.builders import Row, account, build_lake, fact, noon

FIRST, LAST = date(2020, 1, 6), date(2022, 6, 30)
TODAY = date(2022, 7, 1)
ZONE = ZoneInfo("UTC")
DEALS_A_WEEK = 4


def deal(name: str, opened: date, known: date, **other: Any) -> Row:
    """A version of a deal at 1,000.00."""
    row = {"opportunity_id": name, "account_id": "a1", "owner_id": "o1", "kind": "new_business",
           "created_at": noon(opened), "stage": "demo", "outcome": "open", "currency": "USD",
           "amount_minor": 100_000, "close_on": opened + timedelta(days=40)}  # fmt: skip
    return fact(known, **{**row, **other})


def won(name: str, opened: date, closed: date, **other: Any) -> Iterator[Row]:
    """A deal that is won, its open days before."""
    yield deal(name, opened, opened, **other)
    yield deal(name, opened, closed, **{"outcome": "won", "closed_at": noon(closed), **other})


def lost(name: str, opened: date, closed: date) -> Iterator[Row]:
    """A deal that is lost."""
    yield deal(name, opened, opened)
    yield deal(name, opened, closed, outcome="lost", closed_at=noon(closed))


def steady(first: date = FIRST, last: date = LAST) -> Iterator[Row]:
    """Four deals a week, every second one won after five weeks, the others lost after six."""
    week = 0
    while (opened := first + timedelta(days=7 * week)) <= last:
        for number in range(DEALS_A_WEEK):
            name, after = f"d{week}-{number}", timedelta(days=35 + 7 * (number % 2) + number)
            made = lost if number % 2 else won
            told = made(name, opened + timedelta(days=number), opened + after)
            yield from (row for row in told if row["known_at"].date() <= last)
        week += 1


def open_company(folder: Path, rows: list[Row]) -> History:
    """Write the deals, of one account and one owner, and open their history."""
    people = [account("a1", FIRST, segment="smb")]
    posts = [fact(FIRST, owner_id="o1", effective_from=FIRST, team="north", region="uk")]
    build_lake(folder, accounts=people, owners=posts, opportunities=rows)
    return open_history(folder / "lake", zone=ZONE)


def engine_of(history: History, day: date = TODAY, *, draws: int = 2_000) -> BookingsEngine:
    """Read an engine as of a day."""
    return BookingsEngine.read(
        history.as_of(day), calendar=CALENDAR_YEAR, currency="USD", draws=draws
    )
