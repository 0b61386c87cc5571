"""A day of sixty actions by six hands leaves sixty rows: who, what, to what, how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import keys
from ledger.audit import Actor, AuditRow, read_audit
from ledger.audit_check import verify_audit
from ledger.engine import Ledger
from ledger.keys import KeyRequest, create_key, load_pepper, revoke_key, rotate_key
from ledger.promotion import PROMOTED, Decision, decide_release
from ledger.releases import read_releases
from ledger.scenarios import write_scenario, write_scenario_run
from ledger.visible import Book, write_book
from tests.ledger.gap_story import scenario, scenario_run
from tests.ledger.story import new_ledger, new_run, release
from tests.service.conftest import make_key, open_client

HANDS = [Actor(f"cli:{name}", ip="10.0.0.1", request_id="r1") for name in ("ann", "bob", "cy")]


def _manage(ledger: Ledger, pepper: bytes, by: Actor) -> None:
    """Twelve actions of one hand on keys and books."""
    for number in range(3):
        request = KeyRequest("reader", ["risk:read"], created_by=by.name)
        _, key = create_key(ledger, pepper, request, by=by)
        rotate_key(ledger, pepper, key.key_id, by=by)
        revoke_key(ledger, key.key_id, by=by)
        write_book(ledger, Book(f"b{number}", frozenset({("owner", by.name)})), by)


def _live_a_day(folder: Path, ledger: Ledger) -> list[AuditRow]:
    pepper = load_pepper(folder)
    client = open_client(folder, make_key(folder, ledger, role="auditor"))
    before = len(list(read_audit(ledger)))
    for by in HANDS:
        _manage(ledger, pepper, by)
    for number in range(4):
        release(ledger, version=str(number))
    approver = Actor("key:approver", "approver", "approver")
    for one in read_releases(ledger)[:0:-1]:
        with ledger.writing() as connection:
            decide_release(connection, one, Decision(approver, PROMOTED, "a calm week"))
    write_scenario(ledger, scenario(), HANDS[0])
    run_id = new_run(ledger, "forecast")
    write_scenario_run(ledger, scenario_run(run_id), HANDS[0])
    for path in ("at-risk", "deals", "models", "accuracy", "scenarios", "backtests",
                 "accounts/A1", "deals/O1", "forecasts/2012Q1", "owners/bias",
                 "at-risk/totals", "scores/churn?id=A1", "churn/track-record",
                 "deal_win/track-record", "forecasts/2012Q1/gap"):  # fmt: skip
        assert client.get(f"/v1/{path}").status_code == 403
    client.app.state.denials.flush()
    return list(read_audit(ledger))[before:]


def test_sixty_actions_leave_sixty_rows(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    rows = _live_a_day(tmp_path, ledger)
    assert len(rows) == 36 + 4 + 3 + 2 + 15 == 60
    assert len({row.principal for row in rows}) == 6
    denied = [row for row in rows if row.outcome == "denied"]
    assert len(denied) == 15
    assert all(row.key_id and row.role == "auditor" and row.request_id for row in denied)
    assert {row.object for row in denied} >= {"GET /v1/at-risk", "GET /v1/deals/{opportunity_id}"}
    done = [row for row in rows if row.outcome == "done"]
    assert all(row.after_hash for row in done)
    changed = [row for row in done if row.action in {"keys.revoke"}]
    assert all(row.before_hash != row.after_hash for row in changed)
    assert verify_audit(ledger).rows >= 60


def test_the_planted_fault_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "append_audit", lambda *_, **__: 0)
    assert len(_live_a_day(tmp_path, new_ledger(tmp_path))) != 60
