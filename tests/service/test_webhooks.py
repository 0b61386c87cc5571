"""Webhooks over HTTP and by command: added once, shown without their secret, tried and disabled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.audit import read_audit
from ledger.engine import Ledger
from ledger.idempotency import act_once
from ledger.keys import load_pepper
from ledger.webhook_events import tell_test
from ledger.webhooks import derive_secret, find_webhook
from service import idempotency
from tests.service.conftest import Client, make_key, open_client
from tests.service.test_jobs import name_of, post
from tests.service.webhooks.conftest import receiver as receiver
from tests.service.webhooks.receiver import Receiver
from truecast import main

WANTED = {"url": "https://example.org/hook", "events": ["risk.crossed"], "risk_threshold": 0.6}


@pytest.fixture(scope="module")
def admin(folder: Path, ledger: Ledger) -> Client:
    return open_client(folder, make_key(folder, ledger, role="admin"))


def test_a_webhook_is_added_once_and_its_secret_is_kept_in_no_row(
    admin: Client, folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []

    def keep(*given: Any, **more: Any) -> Any:
        kept.append((answered := act_once(*given, **more)).body)
        return answered

    monkeypatch.setattr(idempotency, "act_once", keep)
    first = post(admin, "/v1/webhooks", WANTED, key="w1")
    assert first.status_code == 201, first.text
    made = first.json()
    assert made["secret"] == derive_secret(load_pepper(folder), made["webhook_id"])
    again = post(admin, "/v1/webhooks", WANTED, key="w1")
    assert again.json() == made
    assert again.headers["idempotent-replayed"] == "true"
    assert [b"whsec_" in one for one in kept] == [False, False]
    row = [one for one in read_audit(ledger) if one.object == f"webhook:{made['webhook_id']}"]
    assert [(one.principal, one.role) for one in row] == [(name_of(admin), "admin")]


def test_the_list_shows_webhooks_and_failures_without_secrets(
    admin: Client, ledger: Ledger
) -> None:
    made = post(admin, "/v1/webhooks", WANTED, key="w2").json()
    with ledger.writing() as connection:
        tell_test(connection, find_webhook(connection, made["webhook_id"]))
    ended = post(admin, f"/v1/webhooks/{made['webhook_id']}/disable", key="w3")
    assert ended.json()["disabled_at"] is not None
    shown = admin.json("/v1/webhooks")
    assert "whsec_" not in json.dumps(shown)
    found = {one["webhook_id"]: one for one in shown["webhooks"]}[made["webhook_id"]]
    assert (found["dead"], found["risk_threshold"]) == (1, 0.6)
    assert shown["failures"][0]["reason"] == "the webhook was disabled"


@pytest.mark.parametrize(
    "change",
    [{"url": "http://example.org/"}, {"url": "https://10.0.0.1/"}, {"events": []},
     {"events": ["other"]}, {"risk_threshold": 0}, {"change_share": 2}, {"secret": "mine"}],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(admin: Client, change: dict[str, Any]) -> None:
    assert post(admin, "/v1/webhooks", {**WANTED, **change}, key="n1").status_code == 422


def test_an_unknown_webhook_is_not_found_and_others_may_not_look(
    admin: Client, client: Client
) -> None:
    assert post(admin, f"/v1/webhooks/{'0' * 12}/disable", key="u1").status_code == 404
    assert client.get("/v1/webhooks").status_code == 403


@pytest.fixture
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let webhooks go to this machine without TLS."""
    for name in ("HTTP", "PRIVATE"):
        monkeypatch.setenv(f"TRUECAST_WEBHOOKS_ALLOW_{name}", "true")


def run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["webhooks", *words, "--data-dir", str(folder), "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out) if told.out else told.err


def test_the_command_adds_neither_plain_http_nor_this_machine(
    folder: Path, ledger: Ledger, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    for url in (receiver.url, receiver.url.replace("http:", "https:"), "http://example.org/"):
        assert run(folder, capsys, "add", url)[0] == 2


@pytest.mark.usefixtures("_allowed")
def test_the_commands_add_try_list_send_again_and_remove(
    folder: Path, ledger: Ledger, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    code, made = run(folder, capsys, "add", receiver.url, "--event", "data.stale")
    assert (code, made["events"]) == (0, ["data.stale"])
    receiver.answers = [500]
    code, tried = run(folder, capsys, "test", made["webhook_id"])
    assert (code, tried["reason"]) == (5, "answered 500")
    failed = run(folder, capsys, "list")[1]["failures"][0]
    assert (failed["delivery_id"], failed["state"]) == (tried["delivery_id"], "waiting")
    assert run(folder, capsys, "redeliver", tried["delivery_id"])[0] == 0
    assert run(folder, capsys, "test", made["webhook_id"])[0] == 0
    assert run(folder, capsys, "remove", made["webhook_id"])[0] == 0
    assert run(folder, capsys, "test", made["webhook_id"])[0] == 5
    actions = [row.action for row in read_audit(ledger)][-5:]
    assert actions == [f"webhooks.{one}" for one in
                       ("create", "test", "redeliver", "test", "disable")]  # fmt: skip


@pytest.mark.usefixtures("_allowed")
def test_a_worker_tells_that_data_are_stale_and_sends_it(
    folder: Path, ledger: Ledger, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run(folder, capsys, "add", receiver.url, "--event", "data.stale")[1]
    for _ in range(2):
        assert main(["worker", "--once", "--data-dir", str(folder)]) == 0
    sent = [json.loads(got.body) for got in receiver.got]
    assert {one["event"] for one in sent} == {"data.stale"}
    assert sorted(one["data"]["kind"] for one in sent) == ["deals", "forecast", "scores"]
    assert run(folder, capsys, "remove", made["webhook_id"])[0] == 0
