"""Pushing rows: what is kept, what is refused, and that an acknowledged row is in the lake once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ledger.audit import read_audit
from ledger.engine import Ledger
from lifecycle.tables.catalog import FACT_TABLES
from service import idempotency, ingest
from service.limits import INGEST_BODY_BYTES
from tests.service.conftest import Client
from tests.service.ingest.pushes import (
    append,
    count_waiting,
    ids,
    order,
    orders,
    push,
    stored,
)
from tests.service.test_jobs import name_of, post

OWN = ("known_at", "known_source", "batch_id")
FOREIGN = ("role", "org_id", "score", "id", "created_by", "arrived_at", "__proto__")


def test_pushed_rows_are_in_the_lake_once_their_job_is_done(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    answer = push(crm, orders(3, "first")).json()
    assert (answer["sent_count"], answer["accepted_count"], answer["refused_count"]) == (3, 3, 0)
    job = f"/v1/jobs/{answer['job_id']}"
    assert (crm.json(job)["kind"], crm.json(job)["state"]) == ("ingest_inbox", "queued")
    append(ledger, folder)
    assert crm.json(job)["state"] == "done"
    assert ids(folder, "first") == ["first0", "first1", "first2"]
    assert count_waiting(ledger) == 0


def test_rows_are_known_since_they_arrived(crm: Client, ledger: Ledger, folder: Path) -> None:
    answer = push(crm, [order("known")]).json()
    append(ledger, folder)
    row = next(row for row in stored(folder) if row["order_id"] == "known")
    assert row["known_at"].isoformat().replace("+00:00", "Z") == answer["arrived_at"]
    assert row["known_source"] == "arrival"


def test_columns_and_objects_are_the_same(crm: Client, ledger: Ledger, folder: Path) -> None:
    row = order("columnar")
    body = {"columns": list(row), "rows": [list(row.values())]}
    assert post(crm, "/v1/ingest/orders", body, key="columnar").status_code == 202
    assert push(crm, [order("objects")]).status_code == 202
    append(ledger, folder)
    both = [one for one in stored(folder) if one["order_id"] in {"columnar", "objects"}]
    assert len({(one["amount_minor"], one["ordered_at"], one["kind"]) for one in both}) == 1


def send_twice(crm: Client, ledger: Ledger) -> int:
    before = count_waiting(ledger)
    first = push(crm, orders(5, "twice"), key="twice")
    again = push(crm, orders(5, "twice"), key="twice")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    return count_waiting(ledger) - before


def test_a_push_sent_again_is_kept_once(crm: Client, ledger: Ledger) -> None:
    assert send_twice(crm, ledger) == 5
    assert push(crm, orders(4, "twice"), key="twice").status_code == 422


def test_a_planted_second_effect_is_caught(
    crm: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = iter("ab")
    monkeypatch.setattr(idempotency, "read_idempotency_key", lambda request: next(fresh))
    with pytest.raises(AssertionError):
        assert send_twice(crm, ledger) == 5


def test_one_thousand_rows_are_taken_and_one_more_is_not(crm: Client, ledger: Ledger) -> None:
    before = count_waiting(ledger)
    assert push(crm, orders(999, "b")).status_code == 202
    assert push(crm, orders(1_000, "c")).status_code == 202
    assert push(crm, orders(1_001, "d")).status_code == 413
    assert count_waiting(ledger) - before == 1_999


def push_bytes(client: Client, size: int) -> int:
    """Push one row in a body of so many bytes; return the status."""
    body = json.dumps({"rows": [order(f"size{size}")]}).encode()

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
            headers = {"authorization": f"Bearer {client.key}", "idempotency-key": f"size{size}"}
            headers["content-type"] = "application/json"
            content = body + b" " * (size - len(body))
            return await http.post("/v1/ingest/orders", headers=headers, content=content)

    return asyncio.run(send()).status_code


def test_a_body_may_be_as_large_as_the_limit_and_no_larger(crm: Client) -> None:
    around = [push_bytes(crm, INGEST_BODY_BYTES + more) for more in (-1, 0, 1)]
    assert around == [202, 202, 413]


@pytest.mark.parametrize(("bad", "status"), [(1, 202), (2, 422)])
def test_more_than_a_twentieth_of_bad_rows_refuses_all(
    crm: Client, ledger: Ledger, bad: int, status: int
) -> None:
    before = count_waiting(ledger)
    rows = [*orders(20 - bad, f"s{bad}"), *[order(f"x{n}", kind="gift") for n in range(bad)]]
    answer = push(crm, rows)
    assert answer.status_code == status
    told = answer.json()["results"]
    assert [one["accepted"] for one in told] == [True] * (20 - bad) + [False] * bad
    assert count_waiting(ledger) - before == (20 - bad if status == 202 else 0)


def test_of_fewer_than_twenty_rows_the_good_are_taken(crm: Client, ledger: Ledger) -> None:
    before = count_waiting(ledger)
    assert push(crm, [order("g1"), order("g2", kind="gift")]).json()["refused_count"] == 1
    assert push(crm, [order("g3", kind="gift")]).status_code == 422
    assert count_waiting(ledger) - before == 1


def refuse_foreign(crm: Client, ledger: Ledger) -> None:
    before = count_waiting(ledger)
    for name in (*OWN, *FOREIGN):
        assert push(crm, [order("m1"), order("m2", **{name: "2000-01-01"})]).status_code == 422, (
            name
        )
        row = order("m3", **{name: "2000-01-01"})
        body = {"columns": list(row), "rows": [list(row.values())]}
        assert post(crm, "/v1/ingest/orders", body, key=f"m{name}").status_code == 422, name
        assert push(crm, [order("m4")], **{name: 1}).status_code == 422, name
    assert count_waiting(ledger) == before


def test_columns_that_are_not_the_senders_refuse_the_whole_push(
    crm: Client, ledger: Ledger
) -> None:
    refuse_foreign(crm, ledger)


def test_a_planted_mass_assignment_is_caught(
    crm: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_check_names", lambda *_: None)
    with pytest.raises(AssertionError):
        refuse_foreign(crm, ledger)


@pytest.mark.parametrize("table", sorted(FACT_TABLES))
def test_when_a_row_was_known_is_no_tables_senders_to_say(crm: Client, table: str) -> None:
    answer = push(crm, [{"known_at": "2020-01-01T00:00:00Z"}], table)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "set_by_server"


def test_when_an_attribute_was_known_is_not_the_senders_to_say(crm: Client) -> None:
    row = {"entity": "account", "entity_id": "a1", "name": "tier", "text": "gold"}
    assert push(crm, [{**row, "known": "created"}], "attributes").status_code == 422
    assert push(crm, [row], "attributes").status_code == 202


@pytest.mark.parametrize(
    ("table", "status"),
    [("contact_details", 403), ("superseded", 404), ("_batches", 404), ("orders2", 404)],
)
def test_other_tables_are_not_pushed(crm: Client, table: str, status: int) -> None:
    assert push(crm, [{"contact_id": "c1", "email": "x"}], table).status_code == status


def test_a_push_leaves_a_row_in_the_audit_log(crm: Client, ledger: Ledger) -> None:
    push(crm, [order("audited")])
    last = list(read_audit(ledger))[-1]
    assert (last.action, last.object, last.principal) == (
        "ingest.push", "table:orders", name_of(crm),
    )  # fmt: skip


def keep_at_once(monkeypatch: pytest.MonkeyPatch, crm: Client, **fault: Any) -> int:
    for name, value in fault.items():
        monkeypatch.setattr(ingest, name, value)
    return int(push(crm, [order("unlogged")]).status_code)


def test_a_push_that_cannot_be_logged_is_not_kept(
    crm: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> int:
        raise OSError("no audit")

    before = count_waiting(ledger)
    assert keep_at_once(monkeypatch, crm, append_audit=fail) == 500
    assert count_waiting(ledger) == before
