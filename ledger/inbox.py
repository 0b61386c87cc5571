"""Pushed rows between their acknowledgement and the lake: each goes there once, in a named batch.

A push writes its rows here and asks for a job, in one transaction. The job first decides which rows
form a batch, and keeps that (`seal_batches`); then the lake takes each batch under its name; then
the rows are removed (`mark_appended`). Wherever a process dies in between, the next one finds the
same batches with the same rows, and the lake knows a name that it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from ledger.due_times import SCHEDULE
from ledger.engine import Ledger
from ledger.inbox_tables import inbox, inbox_batches
from ledger.job_tables import jobs
from ledger.jobs import enqueue
from lifecycle.crashpoint import crashpoint

JOB = "ingest_inbox"
RESCORE = "rescore"
MOST_ROWS = 20_000
"""Rows of one batch."""
KEPT_DAYS = 30
RESCORE_PAUSE_MINUTES = 5
_CHUNK = 5_000


@dataclass(frozen=True)
class PushedRow:
    """One row as it is kept: SHA-256 (hex) of its natural key, and its columns as JSON."""

    key: str
    content: str


@dataclass(frozen=True)
class Push:
    """The good rows of one push.

    Attributes
    ----------
    table
        A table of the lake.
    arrived_at
        UTC instant at which it came in.
    by
        The principal that sent it.
    rescore
        Accounts are to be scored anew once the lake has the rows.
    """

    table: str
    rows: Sequence[PushedRow]
    arrived_at: datetime
    by: str
    rescore: bool = False


@dataclass(frozen=True)
class InboxBatch:
    """Rows of one table that go to the lake together.

    Attributes
    ----------
    number
        Batches go in this order.
    name
        What the lake lists it as: its first and last row, and a digest of all.
    arrived_at
        UTC instant of its newest row's arrival.
    """

    number: int
    name: str
    table: str
    row_count: int
    arrived_at: datetime
    rescore: bool


def write_push(connection: Connection, push: Push) -> int:
    """Keep rows and ask for the job that takes them to the lake; return the job's id.

    One waiting job per principal is enough: whichever job runs takes all rows there are.
    """
    beside = {"table_name": push.table, "arrived_at": push.arrived_at, "rescore": push.rescore}
    rows = [{"row_key": row.key, "content": row.content, **beside} for row in push.rows]
    connection.execute(insert(inbox), rows)
    crashpoint("push.storing")
    return enqueue(connection, JOB, {}, by=push.by, dedup=push.by)


def seal_batches(ledger: Ledger) -> list[InboxBatch]:
    """Decide which waiting rows form which batches; return all that the lake may not have yet.

    A batch holds each key of its table once, the oldest row; a newer row of the same key goes in a
    later batch, so that it corrects the older.
    """
    while True:
        with ledger.writing() as connection:
            table = connection.scalar(
                select(inbox.c.table_name).where(inbox.c.batch_id.is_(None)).limit(1)
            )
            if table is None:
                break
            _seal(connection, table)
        crashpoint("inbox.sealed")
    left = inbox_batches.c.appended_at.is_(None)
    query = select(inbox_batches).where(left).order_by(inbox_batches.c.id)
    with ledger.reading() as connection:
        return [
            InboxBatch(row.id, row.name, row.table_name, row.row_count, row.arrived_at, row.rescore)
            for row in connection.execute(query)
        ]


def read_batch(ledger: Ledger, batch: InboxBatch) -> list[tuple[str, datetime]]:
    """Return content and arrival of a batch's rows in order; none once the lake has them."""
    query = select(inbox.c.content, inbox.c.arrived_at).where(inbox.c.batch_id == batch.number)
    with ledger.reading() as connection:
        return [(row[0], row[1]) for row in connection.execute(query.order_by(inbox.c.id))]


def mark_appended(
    connection: Connection, batches: Sequence[InboxBatch], *, by: str, now: datetime | None = None
) -> None:
    """Remove the rows of batches that the lake has, and ask for new scores where they are wanted.

    Parameters
    ----------
    by
        In whose name new scores are asked for.
    now
        UTC instant; the clock's if left out.
    """
    when, wanted = now or datetime.now(UTC), False
    for batch in batches:
        fresh = (inbox_batches.c.id == batch.number, inbox_batches.c.appended_at.is_(None))
        done = connection.execute(update(inbox_batches).where(*fresh).values(appended_at=when))
        connection.execute(delete(inbox).where(inbox.c.batch_id == batch.number))
        wanted = wanted or (batch.rescore and done.rowcount == 1)
    if wanted:
        _ask_for_scores(connection, by=by)
    old = inbox_batches.c.appended_at < when - timedelta(days=KEPT_DAYS)
    connection.execute(delete(inbox_batches).where(old))
    crashpoint("inbox.marking")


def _ask_for_scores(connection: Connection, *, by: str) -> None:
    """Ask for new scores, of everybody and kept for good: hence not again and again at once."""
    begun = select(func.max(jobs.c.started_at)).where(jobs.c.kind == RESCORE)
    last = connection.scalar(begun)
    due = None if last is None else last + timedelta(minutes=RESCORE_PAUSE_MINUTES)
    enqueue(connection, RESCORE, {}, by=by, dedup=RESCORE, due_at=due)


def ask_for_left(ledger: Ledger) -> int | None:
    """Ask for the job again if rows wait and no job does: it failed; return its id."""
    asked = (jobs.c.kind == JOB, jobs.c.state.in_(("queued", "running")))
    with ledger.reading() as connection:
        waits = connection.scalar(select(inbox.c.id).limit(1)) is not None
        if not waits or connection.scalar(select(jobs.c.id).where(*asked).limit(1)) is not None:
            return None
    with ledger.writing() as connection:
        return enqueue(connection, JOB, {}, by=SCHEDULE, dedup=SCHEDULE)


def _seal(connection: Connection, table: str) -> None:
    """Make one batch of a table's waiting rows."""
    mine = (inbox.c.batch_id.is_(None), inbox.c.table_name == table)
    query = select(inbox).where(*mine).order_by(inbox.c.id).limit(MOST_ROWS)
    # two jobs must not put one row into two batches: the second waits, and finds them taken
    rows = connection.execute(query.with_for_update()).all()
    first: dict[str, Any] = {}
    for row in rows:
        first.setdefault(row.row_key, row)
    if not first:
        return
    sealed = list(first.values())
    made = insert(inbox_batches).returning(inbox_batches.c.id)
    number = connection.scalar(made, _describe(table, sealed))
    for place in range(0, len(sealed), _CHUNK):
        ids = [row.id for row in sealed[place : place + _CHUNK]]
        connection.execute(update(inbox).where(inbox.c.id.in_(ids)).values(batch_id=number))


def _describe(table: str, rows: Sequence[Any]) -> dict[str, Any]:
    digest = hashlib.sha256(table.encode())
    for row in rows:
        digest.update(f"\n{row.id} {row.arrived_at.isoformat()} {row.content}".encode())
    return {
        # a digest too: after a ledger was restored, old numbers come again with other rows
        "name": f"push-{rows[0].id}-{rows[-1].id}-{digest.hexdigest()[:24]}",
        "table_name": table,
        "row_count": len(rows),
        "arrived_at": max(row.arrived_at for row in rows),
        "rescore": any(row.rescore for row in rows),
    }
