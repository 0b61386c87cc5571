"""The worker's side of jobs: taking one, and ending a try that did not end in `finish`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, or_, select, update

from ledger.job_leases import Lease, SeenLease, check_lease, end_dead_lease, end_lease, take_lease
from ledger.job_tables import job_results, jobs
from ledger.jobs import LONGEST_MESSAGE, Job, end_job, find_job, reread_job

MOST_TRIES = 3


def is_any_due(connection: Connection, kinds: Collection[str], *, now: datetime) -> bool:
    """Say whether a job of these kinds waits for a worker, without taking it."""
    return connection.scalar(_due(kinds, now).with_only_columns(jobs.c.id)) is not None


def claim(
    connection: Connection, worker: str, kinds: Collection[str], *, now: datetime
) -> tuple[Job, Lease] | None:
    """Take the job that waits longest; ``None`` if none is due.

    Parameters
    ----------
    now
        UTC instant by the worker's steady clock.
    """
    found = find_job(connection, _due(kinds, now).with_for_update(skip_locked=True))
    if found is None:
        return None
    job_id, begun = found.job_id, {"state": "running", "started_at": now, "progress": 0.0}
    changed = {**begun, "tries": found.tries + 1, "dedup": None, "message": ""}
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(changed))
    connection.execute(delete(job_results).where(job_results.c.job_id == job_id))
    return reread_job(connection, job_id), take_lease(connection, job_id, worker)


def report_progress(connection: Connection, lease: Lease, share: float, message: str) -> None:
    """Say how far a job is (0-1) and what is being done.

    Raises
    ------
    ConflictError
        The lease was lost.
    """
    check_lease(connection, lease)
    told = {"progress": min(max(share, 0.0), 1.0), "message": message[:LONGEST_MESSAGE]}
    connection.execute(update(jobs).where(jobs.c.id == lease.job_id).values(told))


def fail(
    connection: Connection,
    lease: Lease,
    message: str,
    *,
    now: datetime,
    again_at: datetime | None = None,
) -> None:
    """End a try of a job: it waits until ``again_at`` if it has tries left, or has failed.

    Raises
    ------
    ConflictError
        The lease was lost.
    """
    end_lease(connection, lease)
    _end_try(connection, lease.job_id, message, now=now, again_at=again_at)


def give_back(connection: Connection, lease: Lease) -> None:
    """Let a job wait again as if it had not been begun, for a worker that must stop.

    Raises
    ------
    ConflictError
        The lease was lost.
    """
    end_lease(connection, lease)
    waiting = {"state": "queued", "tries": jobs.c.tries - 1, "progress": 0.0}
    connection.execute(update(jobs).where(jobs.c.id == lease.job_id).values(waiting))


def end_cancelled(connection: Connection, lease: Lease, *, now: datetime) -> None:
    """End a running job whose cancelling was asked for.

    Raises
    ------
    ConflictError
        The lease was lost: it was done before.
    """
    end_lease(connection, lease)
    end_job(connection, lease.job_id, {"state": "cancelled"}, now=now)


def take_back(connection: Connection, seen: SeenLease, *, now: datetime) -> bool:
    """Let a job wait again whose worker has vanished; ``False`` if it lives after all."""
    if not end_dead_lease(connection, seen):
        return False
    told = f"its worker {seen.worker} vanished"
    _end_try(connection, seen.lease.job_id, told, now=now, again_at=now)
    return True


def _due(kinds: Collection[str], now: datetime) -> Select[Any]:
    waits = (jobs.c.state == "queued", jobs.c.kind.in_(sorted(kinds)))
    due = or_(jobs.c.due_at.is_(None), jobs.c.due_at <= now)
    return select(jobs).where(*waits, due).order_by(jobs.c.id).limit(1)


def _end_try(
    connection: Connection, job_id: int, message: str, *, now: datetime, again_at: datetime | None
) -> None:
    job = reread_job(connection, job_id)
    if job.cancel_asked_at is not None:
        end_job(connection, job_id, {"state": "cancelled"}, now=now)
    elif again_at is None or job.tries >= MOST_TRIES:
        end_job(connection, job_id, {"state": "failed", "message": message}, now=now)
    else:
        waiting = {"state": "queued", "due_at": again_at, "message": message[:LONGEST_MESSAGE]}
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(waiting))
