"""A pushed order changes its account's served score once the worker has scored anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ledger.engine import Ledger
from ledger.inbox import RESCORE_PAUSE_MINUTES
from service.worker import child, commands
from tests.postgresql import add_settings
from tests.service.conftest import Client
from tests.service.ingest.pushes import CURRENCY, append, open_crm, order, push, take_job
from tests.service.refresh.company import build_company, release_orders

_later = count(RESCORE_PAUSE_MINUTES, 2 * RESCORE_PAUSE_MINUTES)

# the refresh is a command, which finds its ledger in the folder
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Ledger:
    place = build_company(folder, contracts=False)
    made = place.open_ledger()
    release_orders(made, place)
    add_settings(folder, f'currency = "{CURRENCY}"\n')
    return made


@pytest.fixture(scope="module")
def crm(folder: Path, ledger: Ledger) -> Client:
    """Its key may read scores; something was scored before."""
    client = open_crm(folder, ledger)
    push(client, [{"account_id": "A00", "name": "Firm 0"}], "accounts", rescore=True)
    score_anew(ledger, folder)
    return client


def score_anew(ledger: Ledger, folder: Path) -> None:
    append(ledger, folder)
    task = take_job(ledger, folder, "rescore", minutes=next(_later))
    assert task is not None
    child._end(task, commands.rescore(task))


def read_score(client: Client, account_id: str) -> Any:
    return client.json(f"/v1/scores/clv?id={account_id}")


def change(crm: Client, ledger: Ledger, folder: Path, account_id: str) -> tuple[float, float]:
    """The served value of an account before and after an order of now is pushed."""
    before = read_score(crm, account_id)["scores"][0]["value"]
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    bought = order(f"n{account_id}", account_id=account_id, ordered_at=now, amount_minor=500_000)
    assert push(crm, [bought], rescore=True).status_code == 202
    score_anew(ledger, folder)
    return before, read_score(crm, account_id)["scores"][0]["value"]


def test_a_pushed_order_changes_its_accounts_served_score(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    before, after = change(crm, ledger, folder, "A08")
    assert after > before
    told = read_score(crm, "A08")
    assert told["as_of"] == str(datetime.now(UTC).date() + timedelta(days=1))
    assert told["stale"] is False


def test_a_planted_score_as_of_this_morning_is_caught(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "timedelta", lambda **_: timedelta(0))
    before, after = change(crm, ledger, folder, "A09")
    assert after == before
