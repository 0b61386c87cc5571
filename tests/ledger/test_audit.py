"""The audit log: a chain in which every change shows, and without which nothing is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text, update

from ledger import audit, audit_check
from ledger.access_tables import audit_heads, audit_log
from ledger.audit import Actor, AuditEntry, append_audit, hash_row, name_subject, read_audit
from ledger.audit_check import HEAD_FILE, check_belongs, verify_audit, write_head
from ledger.engine import Ledger
from ledger.keys import KeyRequest, create_key, load_pepper, read_keys, revoke_key
from ledger.visible import Book, read_books, write_book
from lifecycle.errors import ConflictError, DataError, LedgerError, RefusedError

BY = Actor("key:ab12cd34", "ab12cd34", "admin", "10.0.0.1", "r1")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def fill_log(ledger: Ledger, count: int = 6) -> None:
    for number in range(count):
        with ledger.writing() as connection:
            entry = AuditEntry(BY, "keys.create", f"key:{number}", reason="a reason")
            append_audit(connection, entry, now=NOW + timedelta(seconds=number))


def _without_guards(ledger: Ledger, statement: object) -> None:
    """Change the log as somebody with the file at hand could."""
    with ledger.writing() as connection:
        if connection.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS guard_audit_log_{verb}"))
        else:
            connection.execute(text("ALTER TABLE audit_log DISABLE TRIGGER USER"))
        connection.execute(statement)  # type: ignore[call-overload]


def test_a_log_as_it_was_written_is_whole(ledger: Ledger) -> None:
    fill_log(ledger)
    report = verify_audit(ledger)
    assert report.rows == 6
    assert [row.seq for row in read_audit(ledger)] == [1, 2, 3, 4, 5, 6]


def _rewrite(ledger: Ledger) -> None:
    _without_guards(ledger, update(audit_log).where(audit_log.c.seq == 3).values(reason="other"))


def _rehash(ledger: Ledger) -> None:
    row = next(row for row in read_audit(ledger) if row.seq == 3)
    forged = {**vars(row), "principal": "key:innocent"}
    forged["hash"] = hash_row(forged)
    _without_guards(ledger, update(audit_log).where(audit_log.c.seq == 3).values(**forged))


def _leave_out(ledger: Ledger) -> None:
    _without_guards(ledger, delete(audit_log).where(audit_log.c.seq == 3))


def _put_in(ledger: Ledger) -> None:
    row = vars(next(read_audit(ledger)))
    _without_guards(ledger, insert(audit_log).values(**{**row, "seq": 7}))


def _cut_off(ledger: Ledger) -> None:
    _without_guards(ledger, delete(audit_log).where(audit_log.c.seq > 4))


@pytest.mark.parametrize(
    ("change", "where"), [(_rewrite, 3), (_rehash, 4), (_leave_out, 3), (_put_in, 7), (_cut_off, 5)]
)
def test_every_change_is_found_where_it_is(
    ledger: Ledger, change: Callable[[Ledger], None], where: int
) -> None:
    fill_log(ledger)
    change(ledger)
    with pytest.raises(DataError, match=f"breaks at row {where}:"):
        verify_audit(ledger)


def _cut_off_with_head(ledger: Ledger) -> None:
    fourth = next(row for row in read_audit(ledger) if row.seq == 4)
    _cut_off(ledger)
    _without_guards(ledger, update(audit_heads).values(seq=4, hash=fourth.hash))


def test_a_tail_cut_off_with_its_head_is_found_by_the_head_file(
    ledger: Ledger, tmp_path: Path
) -> None:
    fill_log(ledger)
    write_head(ledger, tmp_path)
    _cut_off_with_head(ledger)
    with pytest.raises(DataError, match=f"row 5.*{HEAD_FILE} knows 6 rows"):
        verify_audit(ledger, tmp_path)
    write_head(ledger, tmp_path)
    assert json.loads((tmp_path / HEAD_FILE).read_text())["seq"] == 6


def test_a_ledger_of_another_directory_is_refused_and_leaves_its_head_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    check_belongs(ledger, tmp_path)  # before anything was noted
    fill_log(ledger, 2)
    write_head(ledger, tmp_path)
    restored = tmp_path / "restored"
    restored.mkdir()
    (restored / HEAD_FILE).write_text(json.dumps({"seq": 3, "hash": "f" * 64}))
    fill_log(ledger, 4)
    check_belongs(ledger, tmp_path)  # which is older, and its own
    with pytest.raises(RefusedError, match="has not row 3 as"):
        check_belongs(ledger, restored)
    write_head(ledger, restored)
    with pytest.raises(RefusedError):
        check_belongs(ledger, restored)


def test_the_planted_fault_is_caught(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_log(ledger)
    _rewrite(ledger)
    monkeypatch.setattr(audit_check, "_check_row", lambda *_: None)
    with pytest.raises(pytest.fail.Exception), pytest.raises(DataError):
        verify_audit(ledger)


@pytest.mark.parametrize("verb", ["UPDATE audit_log SET reason = 'x'", "DELETE FROM audit_log"])
def test_the_log_is_append_only(ledger: Ledger, verb: str) -> None:
    fill_log(ledger, 1)
    with pytest.raises(ConflictError), ledger.writing() as connection:
        connection.exec_driver_sql(verb)


def test_an_action_fails_if_its_row_cannot_be_written(ledger: Ledger, tmp_path: Path) -> None:
    pepper = load_pepper(tmp_path)
    _, key = create_key(ledger, pepper, KeyRequest("reader", ["risk:read"]))
    with ledger.writing() as connection:
        connection.exec_driver_sql("DROP TABLE audit_log")
    with pytest.raises(LedgerError):
        create_key(ledger, pepper, KeyRequest("reader", []))
    with pytest.raises(LedgerError):
        revoke_key(ledger, key.key_id)
    with pytest.raises(LedgerError):
        write_book(ledger, Book("emea", frozenset({("owner", "W1")})), BY)
    assert read_keys(ledger) == [key]
    assert read_books(ledger) == []


def test_time_never_falls_though_the_clock_does(ledger: Ledger) -> None:
    for moment in (NOW, NOW - timedelta(hours=1)):
        with ledger.writing() as connection:
            append_audit(connection, AuditEntry(BY, "keys.create", "key:1"), now=moment)
    assert [row.at for row in read_audit(ledger)] == [NOW, NOW]


def test_a_subject_is_named_by_a_keyed_hash() -> None:
    name = name_subject(b"p" * 32, "anna@example.com")
    assert "anna" not in name
    assert name == name_subject(b"p" * 32, "anna@example.com")
    assert name != name_subject(b"q" * 32, "anna@example.com")


def test_long_words_are_cut_and_still_verified(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        entry = AuditEntry(Actor("x" * 300), "a" * 300, "o" * 900, reason="r" * 900)
        append_audit(connection, entry)
    assert verify_audit(ledger).rows == 1
    assert len(str(next(read_audit(ledger)).object)) == 200


def test_rows_are_read_in_chunks(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "CHUNK_COUNT", 2)
    fill_log(ledger)
    assert [row.seq for row in read_audit(ledger, after_seq=1, limit=3)] == [2, 3, 4]
