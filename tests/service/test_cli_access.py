from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.audit import Actor, read_audit
from ledger.keys import find_key_id
from ledger.releases import write_release
from lifecycle.operator import name_operator
from tests.ledger.story import new_ledger
from tests.ledger.test_promotion import RELEASE
from truecast import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new_ledger(tmp_path)
    return tmp_path


def _run(capsys: pytest.CaptureFixture[str], folder: Path, *words: str, code: int = 0) -> Any:
    assert main([*words, "--data-dir", str(folder)]) == code
    told = capsys.readouterr()
    return told.err if code else json.loads(told.out)


def test_a_key_is_made_rotated_given_a_book_and_revoked(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    pair = ("--pair", "region=emea", "--pair", "owner=W1")
    book = _run(capsys, folder, "books", "create", "emea", *pair, "--json")
    assert book == {"book": "emea", "pairs": ["owner=W1", "region=emea"]}
    words = ("--role", "success", "--book", "emea", "--scopes", "risk:read", "--expires", "30")
    made = _run(capsys, folder, "keys", "create", *words, "--cidr", "10.0.0.0/8")
    assert (made["book"], made["scopes"], made["cidrs"]) == ("emea", ["risk:read"], ["10.0.0.0/8"])
    second = _run(capsys, folder, "keys", "rotate", made["key_id"])
    assert second["follows"] == made["key_id"] == find_key_id(made["key"])
    _run(capsys, folder, "books", "assign", second["key_id"], "emea", "--json")
    assert _run(capsys, folder, "keys", "revoke", made["key_id"], "--json")["revoked_at"]
    report = _run(capsys, folder, "audit", "verify", "--json")
    assert (report["whole"], report["rows"]) == (True, 5)
    assert json.loads((folder / "audit-head.json").read_text())["hash"] == report["hash"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--role", "king"), "role 'king'"),
        (("--role", "success"), "without a book"),
        (("--role", "success", "--book", "none"), "book 'none'"),
        (("--scopes", "risk:read,audit:read"), "beyond the role: audit:read"),
        (("--cidr", "everywhere"), "network"),
        (("--expires", "400"), "400 days"),
    ],
)
def test_a_key_that_may_not_be_is_refused(
    capsys: pytest.CaptureFixture[str], folder: Path, words: tuple[str, ...], told: str
) -> None:
    assert told in _run(capsys, folder, "keys", "create", *words, code=2)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_changed_log_leaves_with_4(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    _run(capsys, folder, "keys", "create")
    with new_ledger(folder).writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER guard_audit_log_update")
        connection.exec_driver_sql("UPDATE audit_log SET principal = 'cli:nobody'")
    assert "breaks at row 1: it was changed" in _run(capsys, folder, "audit", "verify", code=4)


def test_the_log_is_exported_with_the_export_in_it(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    _run(capsys, folder, "keys", "create")
    out = folder / "audit.jsonl"
    assert _run(capsys, folder, "audit", "export", "--out", str(out), "--json")["rows"] == 2
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["action"] for one in rows] == ["keys.create", "audit.export"]


def test_who_trained_breaks_the_glass_with_a_reason(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    ledger, me = new_ledger(folder), Actor(name_operator())
    write_release(ledger, RELEASE, by=me)
    second = replace(RELEASE, version="2", digest="b" * 64)
    write_release(ledger, second, promote=False, by=me)
    words = ("promote", "2", "--reason", "the newest one drifts", "--json")
    assert "trained release 2" in _run(capsys, folder, *words, code=3)
    assert _run(capsys, folder, *words, "--break-glass")["before"] == "1"
    assert _run(capsys, folder, "rollback", "churn", "--json")["version"] == "1"
    told = [(row.action, row.outcome, row.break_glass) for row in read_audit(ledger)][2:]
    assert told == [("models.promote", "denied", False), ("models.promote", "done", True),
                    ("models.rollback", "done", False)]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [((), "nobody could sign in"), (("--insecure-dev", "--host", "0.0.0.0"), "--insecure-dev on")],
)
def test_a_server_that_nobody_could_ask_does_not_start(
    capsys: pytest.CaptureFixture[str], folder: Path, words: tuple[str, ...], told: str
) -> None:
    assert told in _run(capsys, folder, "serve", "--port", "1", *words, code=3)
