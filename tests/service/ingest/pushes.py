"""Pushes of small tables, and a worker's work done in the test's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select, update

from ledger.engine import Ledger
from ledger.inbox_tables import inbox
from ledger.job_claims import claim
from ledger.job_tables import jobs
from lifecycle.lake import Lake
from lifecycle.periods import CALENDAR_YEAR
from service.app import create_app
from service.deps import Options
from service.worker import child
from service.worker import inbox as handler
from service.worker.task import Home, Task
from tests.ledger.story import address
from tests.service.conftest import Client, make_key
from tests.service.test_jobs import post

CURRENCY = "GBP"
_keys = count()
Row = dict[str, Any]


def open_crm(folder: Path, ledger: Ledger) -> Client:
    """A client whose key may push, of a company that counts in pounds."""
    options = Options(folder, currency=CURRENCY)
    return Client(create_app(address(folder), options), make_key(folder, ledger, role="crm"))


def order(order_id: str = "o1", **changed: Any) -> Row:
    row = {
        "order_id": order_id,
        "account_id": "a1",
        "ordered_at": "2026-01-05T12:00:00Z",
        "kind": "sale",
        "amount_minor": 1_200,
        "currency": CURRENCY,
    }
    return {**row, **changed}


def orders(how_many: int, prefix: str = "n") -> list[Row]:
    return [order(f"{prefix}{place}") for place in range(how_many)]


def push(client: Client, rows: list[Row], table: str = "orders", **given: Any) -> httpx2.Response:
    """Push rows under a key of their own, or the one given."""
    key = given.pop("key", None) or f"p{next(_keys)}"
    return post(client, f"/v1/ingest/{table}", {"rows": rows, **given}, key=key)


def count_waiting(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        return connection.scalar(select(func.count()).select_from(inbox)) or 0


def take_job(
    ledger: Ledger, folder: Path, kind: str = "ingest_inbox", *, minutes: int = 0
) -> Task | None:
    """Take the next job of a kind as a worker does, minutes from now; ``None`` if none is due."""
    with ledger.writing() as connection:
        found = claim(connection, "w1", [kind], now=datetime.now(UTC) + timedelta(minutes=minutes))
    if found is None:
        return None
    home = Home(folder, address(folder), ZoneInfo("UTC"), CALENDAR_YEAR)
    return Task(*found, ledger, home)


def append(
    ledger: Ledger, folder: Path, step: Callable[[Task], Any] = handler.append_inbox
) -> None:
    """Do every waiting job of the inbox."""
    while (task := take_job(ledger, folder)) is not None:
        child._end(task, step(task))


def stored(folder: Path, table: str = "orders") -> list[Row]:
    """All rows of a table in the lake's listed batches."""
    return list(_read(folder, table))


def _read(folder: Path, table: str) -> Iterator[Row]:
    for file in Lake(folder / "lake").files(table):
        yield from pq.read_table(file).to_pylist()


def ids(folder: Path, prefix: str = "") -> list[str]:
    """Ids of the lake's orders, sorted, each as often as it is there."""
    found = (row["order_id"] for row in stored(folder))
    return sorted(one for one in found if one.startswith(prefix))


def amounts(folder: Path, order_id: str) -> list[int]:
    rows = [row for row in stored(folder) if row["order_id"] == order_id]
    return [row["amount_minor"] for row in sorted(rows, key=lambda row: row["known_at"])]


def fail_once(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, error: Exception) -> None:
    real, calls = getattr(where, name), iter([True])

    def fail(*given: Any, **named: Any) -> Any:
        if next(calls, False):
            raise error
        return real(*given, **named)

    monkeypatch.setattr(where, name, fail)


def end_jobs(ledger: Ledger) -> None:
    """Let every job have failed."""
    with ledger.writing() as connection:
        connection.execute(update(jobs).values(state="failed"))
