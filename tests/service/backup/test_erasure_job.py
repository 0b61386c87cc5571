"""A person is forgotten by a job that HTTP asks for; while rows are on their way, it waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ledger.audit import read_audit
from ledger.engine import Ledger
from ledger.inbox import Push, PushedRow, write_push
from ledger.job_claims import claim
from lifecycle.errors import LedgerError
from lifecycle.periods import CALENDAR_YEAR
from service.worker.handlers import find_handler
from service.worker.task import Home, Task
from tests.builders import account, build_lake, fact
from tests.ledger.story import new_ledger
from tests.service.conftest import Client, make_key, open_client
from tests.service.test_jobs import post

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ASKED = {"subject": "contact:who1"}


@pytest.fixture
def ledger(database: str, tmp_path: Path) -> Iterator[Ledger]:
    contact = fact(NOW, contact_id="who1", account_id="a1")
    build_lake(tmp_path, accounts=[account("a1")], contacts=[contact])
    with closing(new_ledger(tmp_path)) as opened:
        yield opened


@pytest.fixture
def admin(ledger: Ledger, tmp_path: Path) -> Client:
    return open_client(tmp_path, make_key(tmp_path, ledger, role="admin"))


def begin(ledger: Ledger, folder: Path) -> Task:
    with ledger.writing() as connection:
        found = claim(connection, "w1", ["erase"], now=NOW)
    assert found is not None
    return Task(*found, ledger, Home(folder, "", ZoneInfo("UTC"), CALENDAR_YEAR))


def test_a_job_forgets_whom_http_named(admin: Client, ledger: Ledger, tmp_path: Path) -> None:
    answer = post(admin, "/v1/erasures", ASKED, key="e1")
    assert (answer.status_code, answer.json()["kind"]) == (202, "erase")
    assert "who1" not in answer.text
    again = post(admin, "/v1/erasures", ASKED, key="e2")
    assert again.json()["job_id"] == answer.json()["job_id"]  # it waits already
    content = find_handler("erase")(begin(ledger, tmp_path)).content
    assert content is not None
    assert json.loads(b"".join(content))["renamed_rows"] == {"contacts": 1}
    told = [(row.action, row.object) for row in read_audit(ledger) if "privacy" in row.action]
    assert [action for action, _ in told] == ["privacy.erase.asked"] * 2 + ["privacy.erase"]
    assert len({named for _, named in told}) == 1


@pytest.mark.parametrize("subject", ["who1", "contact:", "account:a1", "contact:a@b.org"])
def test_whoever_is_no_contact_is_refused(admin: Client, subject: str) -> None:
    assert post(admin, "/v1/erasures", {"subject": subject}, key="e1").status_code == 422


def test_only_who_may_erase_asks_for_it(ledger: Ledger, tmp_path: Path) -> None:
    crm = open_client(tmp_path, make_key(tmp_path, ledger, role="crm"))
    assert post(crm, "/v1/erasures", ASKED, key="e1").status_code == 403


def test_nobody_is_forgotten_while_their_rows_are_on_their_way(
    admin: Client, ledger: Ledger, tmp_path: Path
) -> None:
    post(admin, "/v1/erasures", ASKED, key="e1")
    row = PushedRow("k", json.dumps({"contact_id": "who1"}))
    with ledger.writing() as connection:
        write_push(connection, Push("contacts", [row], NOW, "key:crm"))
    with pytest.raises(LedgerError, match="on their way"):
        find_handler("erase")(begin(ledger, tmp_path))
