"""Every request with an effect leaves one row of audit in the caller's name, or has no effect."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger import scenarios
from ledger.audit import Actor, AuditRow, read_audit
from ledger.engine import Ledger
from ledger.job_claims import claim
from ledger.job_effects import find_asker, hold, let_go
from ledger.jobs import JobFilters, enqueue, read_jobs
from ledger.scenarios import read_scenarios
from ledger.webhooks import read_webhooks
from lifecycle.errors import LedgerError
from service import jobs
from tests.ledger.test_jobs import NOW, ask
from tests.service.conftest import Client, make_key, open_client
from tests.service.test_job_posts import SUPPOSED
from tests.service.test_jobs import name_of, post
from tests.service.test_webhooks import WANTED

SCORED = {"format": "csv", "all": True}
Post = tuple[str, str, Any]
"""Who asks, for which path, with which body."""
POSTS: dict[str, Post] = {
    "jobs.cancel": ("admin", "/v1/jobs/{job}/cancel", None),
    "webhooks.create": ("admin", "/v1/webhooks", WANTED),
    "scenarios.create": ("leadership", "/v1/scenarios", SUPPOSED),
    "jobs.scenario_run": ("leadership", "/v1/scenarios/They sign/runs", None),
    "jobs.export_at_risk": ("success", "/v1/exports/at-risk", {"format": "csv"}),
    "jobs.score_rows": ("crm", "/v1/scores/churn/jobs", SCORED),
    "jobs.replay_score": ("crm", "/v1/scores/churn/A01/replay", {}),
}
ROLES = ("admin", "leadership", "success", "crm", "auditor", "reader")


@pytest.fixture(scope="module")
def hands(folder: Path, ledger: Ledger) -> dict[str, Client]:
    """One application, and a key of each of six roles for it."""
    first = open_client(folder, make_key(folder, ledger, role=ROLES[0]))
    others = {role: Client(first.app, make_key(folder, ledger, role=role)) for role in ROLES[1:]}
    return {ROLES[0]: first, **others}


def send(hands: dict[str, Client], ledger: Ledger, action: str, key: str) -> Any:
    """Ask for the effect that an action is named by."""
    role, path, body = POSTS[action]
    if body is SUPPOSED:
        body = {**SUPPOSED, "name": f"{name_of(hands[role])} {key}"}
    return post(hands[role], path.format(job=_job(ledger)), body, key=f"{action}-{key}")


def send_first(hands: dict[str, Client]) -> None:
    """Save the scenario that is run; another key of the same role may have done so."""
    assert post(hands["leadership"], "/v1/scenarios", SUPPOSED, key="f").status_code in {201, 409}


def _job(ledger: Ledger) -> int:
    waiting = read_jobs(ledger, JobFilters(kind="refresh", state="queued"), limit=1)
    return waiting[0].job_id if waiting else ask(ledger)


def rows_since(ledger: Ledger, before: int) -> list[AuditRow]:
    return list(read_audit(ledger, after_seq=before))


def last_seq(ledger: Ledger) -> int:
    return max((row.seq for row in read_audit(ledger)), default=0)


def live_a_day(hands: dict[str, Client], ledger: Ledger) -> list[AuditRow]:
    """Every post twice over and once more as a retry, and as many that are denied."""
    send_first(hands)
    before = last_seq(ledger)
    for key in ("one", "two"):
        for action in POSTS:
            answer = send(hands, ledger, action, key)
            assert answer.status_code < 300, (action, answer.text)
    for action in set(POSTS) - {"jobs.cancel"}:
        assert "idempotent-replayed" in send(hands, ledger, action, "two").headers
    for role in ("auditor", "reader"):
        for _, path, body in POSTS.values():
            assert post(hands[role], path.format(job=1), body, key=role).status_code == 403
    hands["admin"].app.state.denials.flush()
    return rows_since(ledger, before)


def check_day(hands: dict[str, Client], ledger: Ledger) -> None:
    rows = live_a_day(hands, ledger)
    done = [row for row in rows if row.outcome == "done"]
    assert Counter(row.action for row in done) == dict.fromkeys(POSTS, 2)
    for row in done:
        role = POSTS[row.action][0]
        assert (row.principal, row.role) == (name_of(hands[role]), role)
        assert row.key_id
        assert row.request_id
        assert row.after_hash
    denied = [row for row in rows if row.outcome == "denied"]
    assert sum(row.times for row in denied) == 2 * len(POSTS)
    assert len({row.principal for row in rows}) == len(ROLES)


def test_each_effect_has_one_row_in_its_askers_name_and_a_retry_none(
    hands: dict[str, Client], ledger: Ledger
) -> None:
    check_day(hands, ledger)


@pytest.mark.parametrize("room", [jobs, scenarios])
def test_the_planted_fault_is_caught(
    folder: Path, tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, room: Any
) -> None:
    keys = {role: make_key(folder, ledger, role=role) for role in ROLES}
    app = open_client(folder, keys["admin"]).app
    monkeypatch.setattr(room, "append_audit", lambda *_, **__: 0)
    with pytest.raises(AssertionError):
        check_day({role: Client(app, key) for role, key in keys.items()}, ledger)


def effects_of(ledger: Ledger) -> tuple[int, int, int, int]:
    found = read_jobs(ledger, JobFilters(), limit=1_000)
    cancelled = sum(one.state == "cancelled" for one in found)
    saved, told = read_scenarios(ledger), read_webhooks(ledger)
    return len(found), cancelled, len(saved), len(told)


@pytest.mark.parametrize("action", POSTS)
def test_an_action_whose_row_cannot_be_written_has_no_effect(
    hands: dict[str, Client], ledger: Ledger, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise LedgerError("the log cannot be written")

    _job(ledger)
    send_first(hands)
    before = effects_of(ledger)
    for room in ("service.jobs", "ledger.scenarios", "ledger.webhooks"):
        monkeypatch.setattr(f"{room}.append_audit", fail)
    assert send(hands, ledger, action, "failing").status_code == 503
    assert effects_of(ledger) == before


def test_what_a_worker_does_for_somebody_is_noted_in_that_ones_name(ledger: Ledger) -> None:
    worker = Actor("cli:worker")
    assert find_asker(ledger, worker) == worker
    with ledger.writing() as connection:
        enqueue(connection, "asked", {}, by="key:ab12cd34")
        found = claim(connection, "w1", ["asked"], now=NOW)
    assert found is not None
    hold(found[1])
    try:
        assert find_asker(ledger, worker) == Actor("key:ab12cd34", "ab12cd34")
    finally:
        let_go()
