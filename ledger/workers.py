"""Which workers live: one row each, written anew at every heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from ledger.job_tables import workers

FORGOTTEN_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class WorkerSeen:
    """One worker, when it was seen last.

    Attributes
    ----------
    name
        Machine and process.
    started_at, seen_at
        UTC instants by its own clock.
    running
        How many jobs it runs.
    """

    name: str
    started_at: datetime
    seen_at: datetime
    running: int


def write_heartbeat(connection: Connection, seen: WorkerSeen) -> None:
    """Say that a worker lives; those that were not seen for a week are forgotten."""
    mine = workers.c.name == seen.name
    if connection.execute(update(workers).where(mine).values(vars(seen))).rowcount == 0:
        connection.execute(insert(workers), vars(seen))
    old = workers.c.seen_at < seen.seen_at - FORGOTTEN_AFTER
    connection.execute(delete(workers).where(old))


def forget_worker(connection: Connection, name: str) -> None:
    """Remove a worker that has stopped in good order."""
    connection.execute(delete(workers).where(workers.c.name == name))


def read_workers(connection: Connection) -> list[WorkerSeen]:
    """Return the workers, the one seen last first."""
    rows = connection.execute(select(workers).order_by(workers.c.seen_at.desc())).mappings()
    return [WorkerSeen(**row) for row in rows]
