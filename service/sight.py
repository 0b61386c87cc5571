"""Which rows and fields the asker of a job saw when it asked, and whether that still holds.

A job and its result outlive a change of role or book: what was written for the sight of before is
not given to the sight of now, and what has not begun is not begun.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ledger.audit import digest_of
from ledger.engine import Ledger
from ledger.jobs import Job
from ledger.keys import read_key
from ledger.visible import Book, read_book_of
from lifecycle.errors import RefusedError
from service.callers import Principal, describe_key, describe_principal

ROWLESS = frozenset({"erase", "ingest_inbox"})
"""Kinds whose messages and results speak of no account, deal or money."""


def describe_sight(caller: Principal) -> dict[str, Any]:
    """Return what decides which rows and fields somebody sees, as a job's payload keeps it."""
    book = caller.book
    return {"role": caller.role, "book": book and book.name, "pairs": _digest(book)}


def sees_job(caller: Principal, job: Job) -> bool:
    """Say whether a job's asker sees by now just what it saw when it asked.

    A job that does not say what its asker saw is for those who see all rows.
    """
    if job.kind in ROWLESS:
        return True
    if "role" not in job.payload:
        return caller.book is None
    sight = describe_sight(caller)
    return {name: job.payload.get(name) for name in sight} == sight


def check_asker(ledger: Ledger, job: Job) -> None:
    """Make sure that a job's asker may have what it asked for, before it is begun.

    A key's role, book and life are read anew; of a person only the book, for what its groups mean
    by now stands in its next token alone.

    Raises
    ------
    RefusedError
        The key lives no more, or its role or book has changed.
    """
    if "role" not in job.payload:
        return
    asker = _read_asker(ledger, job)
    if asker is None:
        raise RefusedError(
            "a key that was revoked or has expired since it asked for this",
            "a living key",
            "ask again with another key",
        )
    if not sees_job(asker, job):
        raise RefusedError(
            "a role or book that has changed since this was asked for",
            "the rows and fields of then",
            "ask for it again",
        )


def _read_asker(ledger: Ledger, job: Job) -> Principal | None:
    kind, _, name = job.created_by.partition(":")
    if kind != "key":
        asked = job.payload
        book = read_book_of(ledger, asked["book"]) if asked["book"] else None
        return describe_principal(job.created_by, asked["role"], "", scopes=None, book=book)
    key = read_key(ledger, name)
    return describe_key(ledger, key) if key is not None and key.lives(datetime.now(UTC)) else None


def _digest(book: Book | None) -> str | None:
    """Digest a book's pairs: under the same name it may hold other rows by now."""
    return None if book is None else digest_of(sorted(book.pairs))
