"""Whether the audit log is whole: the chain from its first row, and its head kept elsewhere.

A chain shows changed, missing and inserted rows. Rows cut off its end it shows only to somebody who
remembers the head: that is what the head's file is for.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from ledger.access_tables import audit_heads, audit_log
from ledger.audit import NO_HASH, AuditRow, hash_row, read_audit
from ledger.engine import Ledger
from lifecycle.errors import DataError, RefusedError

HEAD_FILE = "audit-head.json"


@dataclass(frozen=True)
class AuditReport:
    """How many rows were checked, and the head's hash."""

    rows: int
    hash: str


def verify_audit(ledger: Ledger, folder: Path | None = None) -> AuditReport:
    """Check every row of the log once, in order.

    Parameters
    ----------
    folder
        Where the head's file lies; ``None``, or no file there: only the ledger's own head is held
        against the chain.

    Raises
    ------
    DataError
        A row was changed, left out or put in, or the end is missing; the first such row is named.
    """
    kept = None if folder is None else read_head(folder)
    at_kept, seq, last, moment = NO_HASH, 0, NO_HASH, None
    for row in read_audit(ledger):
        _check_row(row, seq + 1, last)
        if moment is not None and row.at < moment:
            raise _broken(row.seq, "is older than the row before it")
        seq, last, moment = row.seq, row.hash, row.at
        if kept is not None and seq == kept[0]:
            at_kept = last
    with ledger.reading() as connection:
        head = connection.execute(select(audit_heads.c.seq, audit_heads.c.hash)).first()
    if head is None or (head.seq, head.hash) != (seq, last):
        raise _broken(seq + 1, "is missing: the ledger's head speaks of other rows")
    if kept is not None and kept[0] > seq:
        raise _broken(seq + 1, f"is missing: {HEAD_FILE} knows {kept[0]} rows")
    if kept is not None and at_kept != kept[1]:
        raise _broken(kept[0], f"has another hash than {HEAD_FILE} knows: the log was rewritten")
    return AuditReport(seq, last)


def write_head(ledger: Ledger, folder: Path) -> None:
    """Write the head of the log beside the ledger, whole or not at all; it never goes back.

    A head that the log no longer has stays as it is: `verify_audit` then says so.
    """
    with ledger.reading() as connection:
        head = connection.execute(select(audit_heads.c.seq, audit_heads.c.hash)).one()
    kept = read_head(folder)
    if head.seq == 0 or (kept is not None and kept[0] >= head.seq):
        return
    if kept is not None and not _has(ledger, kept):
        return
    path = folder / HEAD_FILE
    draft = path.with_name(f".{HEAD_FILE}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        os.write(handle, json.dumps({"seq": head.seq, "hash": head.hash}).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)


def check_belongs(ledger: Ledger, folder: Path) -> None:
    """Refuse a ledger that is not that of a data directory: its log lacks the kept head.

    Raises
    ------
    RefusedError
        It is another one, such as that of production beside a restored copy.
    DataError
        The head's file cannot be read.
    """
    kept = read_head(folder)
    if kept is not None and not _has(ledger, kept):
        raise RefusedError(
            f"a ledger whose audit log has not row {kept[0]} as {HEAD_FILE} knows it",
            "the ledger of this data directory",
            "correct ledger_url (or --data-dir); `truecast audit verify` says more",
        )


def _has(ledger: Ledger, kept: tuple[int, str]) -> bool:
    found = select(audit_log.c.hash).where(audit_log.c.seq == kept[0])
    with ledger.reading() as connection:
        return connection.scalar(found) == kept[1]


def read_head(folder: Path) -> tuple[int, str] | None:
    """Return number and hash of the last row that the head's file knows; ``None`` without one.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    try:
        told = json.loads((folder / HEAD_FILE).read_text("utf-8"))
        return int(told["seq"]), str(told["hash"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{HEAD_FILE} cannot be read", "seq and hash of the log's last row", "restore it"
        ) from error


def _check_row(row: AuditRow, seq: int, last: str) -> None:
    if row.seq != seq:
        raise _broken(seq, "is missing")
    if row.prev_hash != last:
        raise _broken(seq, "does not follow the row before it")
    if row.hash != hash_row(vars(row)):
        raise _broken(seq, "was changed")


def _broken(seq: int, what: str) -> DataError:
    return DataError(
        f"the audit log breaks at row {seq}: it {what}",
        "the rows as they were written",
        "compare with a backup; whoever can write the ledger's file has changed it",
    )
