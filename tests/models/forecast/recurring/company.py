"""A company that sells contracts of a year: who stays, who leaves, told as it was known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from lifecycle.periods import CALENDAR_YEAR, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.recurring.engine import RecurringEngine
from tests.builders import Row, account
from tests.features.contracts import change, snapshot_of, sub

FIRST, LAST = date(2019, 1, 1), date(2022, 12, 31)
QUARTER = Quarter(2022, 2)
NOTICE_DAYS = 30


def lines(count: int = 90) -> dict[str, list[Row]]:
    """Accounts whose terms of a year begin all over 2019; new ones come every month."""
    tables: dict[str, list[Row]] = {"accounts": [], "subscriptions": [], "subscription_changes": []}
    for number in range(count):
        draw = random.Random(number)
        late = timedelta(days=draw.randrange(365) if number % 3 else draw.randrange(1200))
        for table, row in _account(number, FIRST + late, draw):
            tables[table].append(row)
    return tables


def _account(number: int, start: date, draw: random.Random) -> Iterator[tuple[str, Row]]:
    who, line = f"a{number:03}", f"s{number:03}"
    mrr = 5_000 * draw.randrange(1, 6)
    segment, country = ("home", "GB") if number % 2 else ("abroad", "US")
    yield (
        "accounts",
        account(who, start, segment=segment, country=country, owner_id=f"c{number % 4}"),
    )
    facts = {"product_id": "core" if number % 5 else "pro", "mrr_minor": mrr, "term_months": 12,
             "notice_days": NOTICE_DAYS, "uplift_share": 0.05}  # fmt: skip
    yield "subscriptions", sub(line, who, start, **facts, term_ends_on=later(start))
    yield "subscription_changes", step("new", start, line, account=who, before=0, after=mrr)
    end = later(start)
    while end <= LAST:
        if draw.random() < 0.25:
            told = end - timedelta(days=NOTICE_DAYS)
            kept = {"account": who, "before": mrr, "after": mrr, "term_ends_on": end}
            yield "subscription_changes", change("notice", told, line, **kept)
            yield "subscription_changes", change("nonrenewal", end, line, account=who, before=mrr)
            return
        same = {"account": who, "before": mrr, "after": mrr}
        yield "subscription_changes", step("renewal", end, line, **same)
        more = round(mrr * (1.05 if draw.random() < 0.7 else 0.9))
        kind = "price_change" if more > mrr else "contraction"
        yield "subscription_changes", step(kind, end, line, account=who, before=mrr, after=more)
        mrr, start, end = more, end, later(end)


def later(day: date) -> date:
    """The same day a year on."""
    return day + timedelta(days=365)


def step(kind: str, day: date, line: str = "s1", **other: Any) -> Row:
    """A change that begins or goes on with a term of a year."""
    return change(kind, day, line, **{"term_ends_on": later(day), **other})


def engine_of(folder: Path, day: date = date(2023, 1, 1), **tables: Any) -> RecurringEngine:
    """An engine over a lake written for a test, with few draws."""
    return engine_at(snapshot_of(folder, day, **tables))


def engine_at(snapshot: Snapshot) -> RecurringEngine:
    """An engine over a snapshot, with few draws."""
    return RecurringEngine.read(snapshot, calendar=CALENDAR_YEAR, draws=512)


@cache
def company() -> RecurringEngine:
    """The company as known at the end of 2022, read once for all tests that only look."""
    return engine_of(Path(mkdtemp()), **lines())
