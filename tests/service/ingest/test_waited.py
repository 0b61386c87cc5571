"""A pushed row that waited while the lake was told newer things of its key does not win."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from ledger.engine import Ledger
from ledger.inbox_tables import inbox
from lifecycle.errors import TableError
from lifecycle.lake import Lake
from service.worker import inbox as handler
from tests.service.conftest import Client
from tests.service.ingest.pushes import amounts, append, end_jobs, fail_once, order, push

WAITED = timedelta(hours=1)


def predate(ledger: Ledger, by: timedelta) -> None:
    with ledger.writing() as connection:
        connection.execute(update(inbox).values(arrived_at=datetime.now(UTC) - by))


def amounts_in_wrong_order(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch, order_id: str
) -> list[int]:
    """A row that the lake refused at first, and that goes there after a newer one of its key."""
    push(crm, [order(order_id, amount_minor=100)])
    predate(ledger, WAITED)
    fail_once(monkeypatch, Lake, "append", TableError("a column"))
    with pytest.raises(TableError):
        append(ledger, folder)
    end_jobs(ledger)
    real = handler.seal_batches
    monkeypatch.setattr(handler, "seal_batches", lambda ledger: real(ledger)[::-1])
    push(crm, [order(order_id, amount_minor=200)])
    append(ledger, folder)
    return amounts(folder, order_id)


def test_a_row_that_waited_does_not_win_over_a_newer_one(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert amounts_in_wrong_order(crm, ledger, folder, monkeypatch, "w1") == [200]


def test_a_planted_batch_without_its_rows_clocks_is_caught(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = handler.BatchHeader
    monkeypatch.setattr(handler, "BatchHeader", lambda *given, **_: real(*given))
    assert amounts_in_wrong_order(crm, ledger, folder, monkeypatch, "w2") == [200, 100]


def test_two_machines_clocks_a_little_apart_lose_no_correction(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    push(crm, [order("w3", amount_minor=100)])
    append(ledger, folder)
    push(crm, [order("w3", amount_minor=200)])
    predate(ledger, timedelta(seconds=30))
    append(ledger, folder)
    assert amounts(folder, "w3") == [100, 200]
