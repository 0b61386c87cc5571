"""Due times of the schedule: each is taken at most once, however many workers look at it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from ledger.engine import Ledger
from ledger.job_tables import due_times
from ledger.jobs import enqueue
from lifecycle.errors import ConflictError

SCHEDULE = "schedule"
"""The principal in whose name scheduled jobs are asked for."""


@dataclass(frozen=True)
class DueTime:
    """One due time that has passed.

    Attributes
    ----------
    schedule
        Name of the schedule.
    due_at
        UTC instant.
    job_id
        The job it began; ``None`` where the schedule was only set up then.
    """

    schedule: str
    due_at: datetime
    job_id: int | None


def read_last_due(connection: Connection, schedule: str) -> DueTime | None:
    """Return a schedule's latest due time that was taken; ``None`` before the first."""
    mine = select(due_times).where(due_times.c.schedule == schedule)
    latest = mine.order_by(due_times.c.due_at.desc()).limit(1)
    row = connection.execute(latest).mappings().first()
    return None if row is None else DueTime(**row)


def begin_schedule(ledger: Ledger, schedule: str, due_at: datetime) -> None:
    """Note the last due time before a schedule was first seen: nothing is begun for it."""
    with suppress(ConflictError), ledger.writing() as connection:
        if read_last_due(connection, schedule) is None:
            row = {"schedule": schedule, "due_at": due_at, "job_id": None}
            connection.execute(insert(due_times), row)


def take_due_time(
    ledger: Ledger, schedule: str, due_at: datetime, *, kind: str, payload: Mapping[str, Any]
) -> int | None:
    """Ask for the job of a due time, unless it, or a later one, was taken; return its id.

    Raises
    ------
    RowsError
        The payload is not JSON.
    """
    # of two workers in the same moment the later one breaks the key, and its job is never seen
    with suppress(ConflictError), ledger.writing() as connection:
        last = read_last_due(connection, schedule)
        # a clock that was set back must not begin what has been begun
        if last is None or last.due_at < due_at:
            job_id = enqueue(connection, kind, payload, by=SCHEDULE)
            row = {"schedule": schedule, "due_at": due_at, "job_id": job_id}
            connection.execute(insert(due_times), row)
            return job_id
    return None
