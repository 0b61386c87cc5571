"""Forgetting a person in the ledger: it holds none but in what was asked to be forgotten.

Scores, forecasts and the log speak of accounts, and name a person by a keyed hash at most. Only an
erasure that waits or runs names whom it is to forget; once done it keeps the hash. One that failed
or was cancelled keeps the name until the person is forgotten all the same, a week at most.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, false, or_, select, update

from ledger.access_tables import audit_log
from ledger.audit import AuditEntry, append_audit
from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.inbox_tables import inbox
from ledger.job_effects import held_lease
from ledger.job_tables import jobs
from ledger.jobs import ENDED, KEPT_DAYS
from lifecycle.errors import LedgerError

KIND = "erase"
SUBJECT_PATTERN = r"^contact:[A-Za-z0-9_.:-]{1,64}$"
TRIES, PAUSE_SECONDS = 20, 0.25


def name_alias(pepper: bytes, subject: str) -> str:
    """Return the id that stands for a contact once it is forgotten: the same each time."""
    key = hmac.new(pepper, b"truecast erased contact", hashlib.sha256).digest()
    return f"erased-{hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()[:24]}"


def forget_subject(connection: Connection, subject: str, entry: AuditEntry) -> int:
    """Take a person's name out of the jobs that asked to forget it, and note that it was done.

    Out of those that have ended, and the one that this process does. One that still waits or runs
    was asked for because the source sent the person again: it needs the name, until it is done.

    Parameters
    ----------
    subject
        The person, as the jobs name it.
    entry
        The row of the audit log; its ``object`` is the keyed hash that stands for the person.

    Returns
    -------
    int
        How many jobs named the person.
    """
    lease = held_lease()
    own = false() if lease is None else jobs.c.id == lease.job_id
    over = (jobs.c.kind == KIND, or_(jobs.c.state.in_(sorted(ENDED)), own))
    found = connection.execute(select(jobs.c.id, jobs.c.payload).where(*over)).all()
    mine = [row.id for row in found if parse_document(row.payload).get("subject") == subject]
    payload = dump_document({"erased": entry.object}, "the payload of an erasure")
    if mine:
        connection.execute(update(jobs).where(jobs.c.id.in_(mine)).values(payload=payload))
    append_audit(connection, entry)
    return len(mine)


def drop_names(connection: Connection, *, now: datetime) -> None:
    """Take the names out of erasures that failed or were cancelled a week ago.

    Nobody asked for the person again since, or forgetting it would have taken the name out.
    """
    old = (jobs.c.kind == KIND, jobs.c.finished_at <= now - timedelta(days=KEPT_DAYS))
    named = jobs.c.payload.contains(json.dumps("subject"), autoescape=True)
    nobody = dump_document({}, "the payload of an erasure")
    connection.execute(update(jobs).where(*old, named).values(payload=nobody))


def check_inbox(ledger: Ledger, contact_id: str) -> None:
    """Refuse while pushed rows that name a contact are on their way to the lake.

    Raises
    ------
    LedgerError
        There are some; they are in the lake within a minute.
    """
    named = inbox.c.content.contains(json.dumps(contact_id), autoescape=True)
    with ledger.reading() as connection:
        count = len(connection.execute(select(inbox.c.id).where(named)).all())
    if count:
        raise LedgerError(
            f"{count} pushed rows that name the person are on their way to the lake",
            "none",
            "let the worker take them there, then run the same command again",
        )


def count_backups(ledger: Ledger) -> int:
    """Return how many backups the log knows of, those among them that are being made."""
    query = select(audit_log.c.seq).where(audit_log.c.action == "backup.begin")
    with ledger.reading() as connection:
        return len(connection.execute(query).all())


def settle(ledger: Ledger) -> None:
    """Leave nothing of removed rows in the ledger's files.

    On SQLite freed pages are overwritten (``secure_delete``), and here the write-ahead log is
    emptied. On PostgreSQL the server's own vacuum and its log's turnover do it, in their time.

    Raises
    ------
    LedgerError
        Others read for so long that the write-ahead log could not be emptied.
    """
    if ledger.path is None:
        return
    for _ in range(TRIES):
        with ledger.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            return
        time.sleep(PAUSE_SECONDS)
    raise LedgerError(
        "the ledger's write-ahead log is in use",
        "a moment without readers",
        "run the same command again",
    )
