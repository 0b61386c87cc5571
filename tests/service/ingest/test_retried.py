"""A push that was kept is answered alike when it is sent again, whatever the rules are by then."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from ledger.engine import Ledger
from service import ingest
from service.app import create_app
from service.deps import Options
from tests.ledger.story import address
from tests.service.conftest import Client
from tests.service.ingest.pushes import count_waiting, orders, push


def kind_of(answer: httpx2.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def test_a_retry_is_answered_as_before_though_another_currency_counts(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    rows = orders(3, "currency")
    first = push(crm, rows, key="currency")
    assert first.status_code == 202, first.text
    waiting = count_waiting(ledger)
    changed = Client(create_app(address(folder), Options(folder, currency="EUR")), crm.key)
    again = push(changed, rows, key="currency")
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    for _ in range(2):  # a refusal is not kept as an answer
        refused = push(changed, rows, key="another-currency")
        assert (refused.status_code, kind_of(refused)) == (422, "too-many-bad-rows")
        assert "idempotent-replayed" not in refused.headers
    assert count_waiting(ledger) == waiting
    assert push(crm, rows, key="another-currency").status_code == 202


def test_a_retry_is_answered_as_before_though_its_table_is_pushed_no_more(
    crm: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = orders(1, "table")
    first = push(crm, rows, key="table")
    monkeypatch.setattr(ingest, "is_pushed", lambda _: False)
    assert push(crm, rows, key="table").content == first.content
    refused = push(crm, rows, key="another-table")
    assert (refused.status_code, kind_of(refused)) == (404, "unknown-table")
