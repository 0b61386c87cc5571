"""The audit log: what was done, by whom, in a chain that shows every later change.

Each row carries the hash of the row before it: ``hash = sha256(prev_hash + canonical JSON)``. It is
written in the action's own transaction, so that nothing is done without its row. A row holds no
contact values: a person is named by a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, String, insert, select, update

from ledger.access_tables import audit_heads, audit_log
from ledger.engine import Ledger

NO_HASH = "0" * 64
CHUNK_COUNT = 2_000
_LENGTHS = {
    column.name: column.type.length for column in audit_log.c if isinstance(column.type, String)
}


@dataclass(frozen=True)
class Actor:
    """Who acts: ``key:<id>``, ``user:<subject>`` or ``cli:<operating-system user>``."""

    name: str
    key_id: str | None = None
    role: str | None = None
    ip: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One action to note.

    Attributes
    ----------
    action, object
        What was done, such as ``keys.create``, and to what.
    outcome
        ``done`` or ``denied``.
    times
        How often, where attempts are counted together.
    break_glass
        An administrator did it in place of the role that should have.
    before_hash, after_hash
        `digest_of` what the object was and became.
    reason
        Why, in the actor's words; no contact values.
    """

    by: Actor
    action: str
    object: str
    outcome: str = "done"
    times: int = 1
    break_glass: bool = False
    before_hash: str | None = None
    after_hash: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class AuditRow:
    """One row of the log as it was kept; ``at`` is a UTC instant that never falls with ``seq``."""

    seq: int
    at: datetime
    principal: str
    key_id: str | None
    role: str | None
    ip: str | None
    request_id: str | None
    action: str
    object: str
    outcome: str
    times: int
    break_glass: bool
    before_hash: str | None
    after_hash: str | None
    reason: str | None
    prev_hash: str
    hash: str

    def told(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {**vars(self), "at": self.at.isoformat()}


_NAMES = [field.name for field in fields(AuditRow)]


def append_audit(connection: Connection, entry: AuditEntry, *, now: datetime | None = None) -> int:
    """Append a row in the caller's transaction, which fails if this does; return its number.

    Writers wait for one another at the head's row, so that the chain has no fork.

    Parameters
    ----------
    now
        UTC instant of the action; the clock's if left out.
    """
    head = connection.execute(
        update(audit_heads)
        .where(audit_heads.c.id == 1)
        .values(seq=audit_heads.c.seq + 1)
        .returning(audit_heads.c.seq, audit_heads.c.hash)
    ).one()
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    last = connection.scalar(select(audit_log.c.at).where(audit_log.c.seq == head.seq - 1))
    row = {
        "seq": head.seq,
        "at": moment if last is None else max(moment, last),
        **_flatten(entry),
        "prev_hash": head.hash,
    }
    row["hash"] = hash_row(row)
    connection.execute(insert(audit_log), row)
    connection.execute(update(audit_heads).where(audit_heads.c.id == 1).values(hash=row["hash"]))
    return int(head.seq)


def note_action(ledger: Ledger, entry: AuditEntry) -> None:
    """Append a row in a transaction of its own: before an action outside the ledger, or after one.

    Raises
    ------
    LedgerError
        The ledger cannot be written: then the action must not be done.
    """
    with ledger.writing() as connection:
        append_audit(connection, entry)


def hash_row(row: Mapping[str, Any]) -> str:
    """Return the hash (hex) that a row must carry: over the hash before it and all its values."""
    told = {name: row[name] for name in _NAMES if name not in {"prev_hash", "hash", "at"}}
    told["at"] = row["at"].isoformat()
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{row['prev_hash']}{text}".encode()).hexdigest()


def digest_of(value: object) -> str:
    """Return the SHA-256 (hex) of a JSON value, whatever the order of its members."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def name_subject(pepper: bytes, subject: str) -> str:
    """Return how a person or an address is named in the log: a keyed hash, never the value."""
    key = hmac.new(pepper, b"truecast audit subject", hashlib.sha256).digest()
    return f"subject:{hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()[:32]}"


def read_audit_head(ledger: Ledger) -> int:
    """Return the number of the log's last row; 0 if it is empty."""
    with ledger.reading() as connection:
        return int(connection.scalar(select(audit_heads.c.seq)) or 0)


def read_audit(
    ledger: Ledger, *, after_seq: int = 0, limit: int | None = None
) -> Iterator[AuditRow]:
    """Yield the rows of the log in their order, in chunks: it may be long.

    Parameters
    ----------
    after_seq, limit
        Only rows with a larger number, and at most so many.
    """
    left = limit
    while left is None or left > 0:
        query = (
            select(*[audit_log.c[name] for name in _NAMES])
            .where(audit_log.c.seq > after_seq)
            .order_by(audit_log.c.seq)
            .limit(CHUNK_COUNT if left is None else min(left, CHUNK_COUNT))
        )
        with ledger.reading() as connection:
            rows = [AuditRow(*row) for row in connection.execute(query)]
        yield from rows
        if not rows:
            return
        after_seq = rows[-1].seq
        left = None if left is None else left - len(rows)


def _flatten(entry: AuditEntry) -> dict[str, Any]:
    """Return the values of an entry, cut to the length of their columns."""
    actor = {**vars(entry.by), "principal": entry.by.name}
    values = {**vars(entry), **actor}
    return {
        name: _cut(values[name], _LENGTHS.get(name))
        for name in _NAMES
        if name not in {"seq", "at", "prev_hash", "hash"}
    }


def _cut(value: Any, length: int | None) -> Any:
    return value[:length] if isinstance(value, str) and length else value
