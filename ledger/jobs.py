"""Long work as jobs: asked for in the transaction of its cause, done by a worker, once.

A job is queued, running, done, failed or cancelled. What it changed and that it is done become
visible in one transaction (`finish`), which only the holder of its lease can make.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypedDict, Unpack

from sqlalchemy import Connection, RowMapping, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.job_leases import Lease, end_lease
from ledger.job_tables import job_inputs, job_results, jobs
from lifecycle.errors import ConflictError, LedgerError

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "failed", "cancelled"})
KEPT_DAYS = 7
LONGEST_MESSAGE = 600
LONGEST_DEDUP = 200


@dataclass(frozen=True)
class Result:
    """What a job gave, as it is described: its bytes are read by `ledger.job_results`.

    Attributes
    ----------
    media
        Its media type.
    size
        Bytes.
    digest
        SHA-256 (hex) of them.
    kept_until
        UTC instant after which the bytes are dropped; ``None`` before the job is done.
    """

    media: str
    size: int
    digest: str
    kept_until: datetime | None = None


@dataclass(frozen=True)
class Job:
    """One piece of long work.

    Attributes
    ----------
    payload
        What it is to do, a JSON mapping.
    created_by
        The principal that asked, such as ``key:ab12cd34`` or ``schedule``.
    created_at, due_at, started_at, finished_at, cancel_asked_at
        UTC instants; ``due_at`` is ``None`` where it may begin at once.
    tries
        How often it was begun.
    progress, message
        The share done (0-1), and in words what is being done or why it failed.
    """

    job_id: int
    kind: str
    payload: dict[str, Any]
    state: JobState
    created_by: str
    created_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    cancel_asked_at: datetime | None
    tries: int
    progress: float
    message: str
    result: Result | None


class Wish(TypedDict, total=False):
    """When a job is wanted.

    ``due_at``: not before that UTC instant. ``dedup``: a word for which one waiting job of the kind
    is enough. ``now``: the present UTC instant.
    """

    due_at: datetime | None
    dedup: str | None
    now: datetime


def enqueue(
    connection: Connection,
    kind: str,
    payload: Mapping[str, Any],
    *,
    by: str,
    **wish: Unpack[Wish],
) -> int:
    """Ask for a job in the caller's transaction; return its id.

    With ``dedup``, the id of the job that waits already under that word.

    Raises
    ------
    RowsError
        The payload is not JSON.
    """
    row = {
        "kind": kind,
        "payload": dump_document(dict(payload), f"the payload of a job {kind}"),
        "state": "queued",
        "created_by": by,
        "dedup": _fit(wish.get("dedup")),
        "created_at": wish.get("now") or datetime.now(UTC),
        "due_at": wish.get("due_at"),
        "tries": 0,
        "progress": 0.0,
        "message": "",
    }
    add = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = add(jobs).values(row).on_conflict_do_nothing().returning(jobs.c.id)
    # held until the caller's transaction ends: a worker that took the job before would not see what
    # the caller wrote, and nobody would ask again
    waiting = (
        select(jobs.c.id)
        .where(jobs.c.kind == kind, jobs.c.dedup == row["dedup"])
        .with_for_update(read=True)
    )
    found = None
    while found is None:  # the one that waited may be taken between the two statements
        found = connection.scalar(made) or connection.scalar(waiting)
    return int(found)


def read_job(ledger: Ledger, job_id: int) -> Job | None:
    """Return a job; ``None`` if there is none."""
    with ledger.reading() as connection:
        return find_job(connection, select(jobs).where(jobs.c.id == job_id))


def count_jobs(ledger: Ledger) -> dict[JobState, int]:
    """Return how many jobs are kept in each state; 0 where there is none."""
    counts: dict[JobState, int] = {
        "queued": 0, "running": 0, "done": 0, "failed": 0, "cancelled": 0,
    }  # fmt: skip
    with ledger.reading() as connection:
        found = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
        return counts | {state: int(count) for state, count in found}


@dataclass(frozen=True)
class JobFilters:
    """Which jobs a list shows: of one principal, kind or state; ``None`` takes all."""

    created_by: str | None = None
    kind: str | None = None
    state: str | None = None


def read_jobs(
    ledger: Ledger, filters: JobFilters, *, before: int | None = None, limit: int
) -> list[Job]:
    """Return jobs, the newest first; those asked for before the job ``before``."""
    query = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
    for name, value in vars(filters).items():
        query = query if value is None else query.where(jobs.c[name] == value)
    if before is not None:
        query = query.where(jobs.c.id < before)
    with ledger.reading() as connection:
        return [_job(row) for row in connection.execute(query).mappings()]


def cancel_job(connection: Connection, job_id: int, *, now: datetime | None = None) -> Job:
    """End a waiting job, or ask the worker of a running one to end it; return it as it is then.

    Raises
    ------
    LedgerError
        There is no such job.
    ConflictError
        It is done or failed.
    """
    mine = jobs.c.id == job_id
    job = find_job(connection, select(jobs).where(mine).with_for_update())
    if job is None:
        raise LedgerError(f"no job {job_id}", "the id of a job", "correct it")
    if job.state in ENDED - {"cancelled"}:
        raise ConflictError(
            f"job {job_id}, which is {job.state}", "one that waits or runs", "leave it"
        )
    when = now or datetime.now(UTC)
    asked: dict[str, Any] = {"cancel_asked_at": job.cancel_asked_at or when}
    if job.state == "queued":
        asked |= {"state": "cancelled", "finished_at": when, "dedup": None}
        connection.execute(delete(job_inputs).where(job_inputs.c.job_id == job_id))
    connection.execute(update(jobs).where(mine).values(asked))
    return reread_job(connection, job_id)


def finish(
    connection: Connection,
    lease: Lease,
    *,
    message: str = "",
    result: Result | None = None,
    now: datetime | None = None,
) -> None:
    """Mark a job as done, in the transaction that publishes what it changed.

    Raises
    ------
    ConflictError
        The lease was lost: the whole transaction must not happen.
    """
    end_lease(connection, lease)
    when = now or datetime.now(UTC)
    given: dict[str, Any] = {"progress": 1.0}
    if result is not None:
        given |= {"result_media": result.media, "result_bytes": result.size}
        given |= {"result_digest": result.digest, "kept_until": when + timedelta(days=KEPT_DAYS)}
    end_job(connection, lease.job_id, {"state": "done", "message": message, **given}, now=when)


def end_job(connection: Connection, job_id: int, given: dict[str, Any], *, now: datetime) -> None:
    """Set a job's last state; what it worked on goes, and without being done its result too."""
    connection.execute(delete(job_inputs).where(job_inputs.c.job_id == job_id))
    if given["state"] != "done":
        connection.execute(delete(job_results).where(job_results.c.job_id == job_id))
    given = {**given, "finished_at": now}
    if "message" in given:
        given["message"] = given["message"][:LONGEST_MESSAGE]
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(given))


def find_job(connection: Connection, query: Select[Any]) -> Job | None:
    """Return the job of a query that selects whole rows; ``None`` if it finds none."""
    row = connection.execute(query).mappings().first()
    return None if row is None else _job(row)


def find_visible(connection: Connection, job_id: int, owner: str | None) -> Job | None:
    """Return a job that ``owner`` asked for (``None``: anybody); ``None`` if there is none."""
    found = find_job(connection, select(jobs).where(jobs.c.id == job_id))
    return found if found is not None and owner in {None, found.created_by} else None


def reread_job(connection: Connection, job_id: int) -> Job:
    """Return a job that is known to be there, as it is now."""
    return _job(connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one())


def _fit(word: str | None) -> str | None:
    """Return a word that its column holds: a long one's digest, for what is cut is another word."""
    if word is None or len(word) <= LONGEST_DEDUP:
        return word
    return hashlib.sha256(word.encode()).hexdigest()


def _job(row: RowMapping) -> Job:
    given = {name: row[name] for name in Job.__annotations__ if name not in _OTHERWISE}
    result = None
    if row["result_digest"] is not None:
        names = ("result_media", "result_bytes", "result_digest", "kept_until")
        result = Result(*[row[name] for name in names])
    payload = parse_document(row["payload"])
    return Job(job_id=row["id"], payload=payload, result=result, **given)


_OTHERWISE = {"job_id", "payload", "result"}
