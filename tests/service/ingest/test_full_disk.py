"""A disk that is full while rows are pushed: 503, nothing acknowledged is lost, it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import Response

from lifecycle.errors import LedgerError
from service import ingest
from tests.ledger.story import new_ledger
from tests.service.conftest import Client
from tests.service.ingest.pushes import append, count_waiting, ids, open_crm, orders, push
from tests.service.worker.test_full_disk import disk as disk
from tests.service.worker.test_full_disk import fill_up

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def push_until_full(client: Client) -> tuple[list[str], int]:
    """Push until one is refused; return the ids acknowledged, and the refusal's status."""
    kept: list[str] = []
    for place in range(20):
        rows = orders(1_000, f"f{place}-")
        answer = push(client, rows, key=f"f{place}")
        if answer.status_code != 202:
            assert answer.headers["retry-after"]
            return kept, answer.status_code
        kept += [row["order_id"] for row in rows]
    raise AssertionError("the disk was never full")


def lose_nothing(disk: Path) -> None:
    ledger = new_ledger(disk)
    client = open_crm(disk, ledger)
    filler = fill_up(disk, leave=1_500_000)
    kept, status = push_until_full(client)
    try:
        assert status == 503
        assert count_waiting(ledger) == len(kept) > 0
        filler.unlink()
        assert push(client, orders(1_000, "again"), key=f"f{len(kept) // 1_000}").status_code == 202
        append(ledger, disk)
        assert set(ids(disk)) >= set(kept)
    finally:
        ledger.close()


def test_a_full_disk_loses_no_acknowledged_row(disk: Path) -> None:
    lose_nothing(disk)


def test_the_planted_fault_is_caught(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acknowledged whether or not it is kept."""
    real = ingest.once

    async def say_yes(*given: Any) -> Response:
        try:
            return await real(*given)
        except LedgerError:
            return Response(status_code=202)

    monkeypatch.setattr(ingest, "once", say_yes)
    with pytest.raises(AssertionError):
        lose_nothing(disk)
