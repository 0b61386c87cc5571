"""Who holds a job: one row per running job, whose ``beats`` count up while its worker lives.

No lease has an end on any clock. Another worker takes a job over once it has seen the same token
and beats for a whole lease by its own steady clock: a clock that jumps an hour frees nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ledger.job_tables import job_leases
from lifecycle.errors import ConflictError, UsageError


@dataclass(frozen=True)
class Lease:
    """The right to work on one job.

    Attributes
    ----------
    job_id
        The job.
    token
        Known to its holder only: whoever takes the job over gets another one.
    """

    job_id: int
    token: str

    def __str__(self) -> str:
        return f"{self.job_id}:{self.token}"

    @classmethod
    def parse(cls, text: str) -> Lease:
        """Read what ``str`` wrote.

        Raises
        ------
        UsageError
            It is not the text of a lease.
        """
        job_id, _, token = text.partition(":")
        if not (job_id.isdecimal() and token):
            raise UsageError("a lease that cannot be read", "<job>:<token>", "start a worker")
        return cls(int(job_id), token)


@dataclass(frozen=True)
class SeenLease:
    """A lease as it stood when it was looked at; it has moved on if ``beats`` has."""

    lease: Lease
    worker: str
    beats: int


def take_lease(connection: Connection, job_id: int, worker: str) -> Lease:
    """Give a worker the lease of a job that nobody holds.

    Raises
    ------
    ConflictError
        Somebody holds it.
    """
    lease = Lease(job_id, secrets.token_hex(16))
    row = {"job_id": job_id, "token": lease.token, "worker": worker, "beats": 0}
    connection.execute(insert(job_leases), row)
    return lease


def renew_lease(connection: Connection, lease: Lease) -> bool:
    """Show that the holder lives; ``False`` if somebody else has taken the job over."""
    changed = update(job_leases).where(*_of(lease)).values(beats=job_leases.c.beats + 1)
    return connection.execute(changed).rowcount == 1


def read_leases(connection: Connection) -> list[SeenLease]:
    """Return all leases as they stand now."""
    rows = connection.execute(select(job_leases).order_by(job_leases.c.job_id)).mappings()
    return [SeenLease(Lease(r["job_id"], r["token"]), r["worker"], r["beats"]) for r in rows]


def check_lease(connection: Connection, lease: Lease) -> None:
    """Make sure, until the transaction ends, that a lease still holds.

    Raises
    ------
    ConflictError
        The job was taken over or ended: nothing more may be done for it under this lease.
    """
    # the weakest lock that a takeover waits for and a renewal does not
    held = select(job_leases.c.job_id).where(*_of(lease)).with_for_update(read=True, key_share=True)
    if connection.scalar(held) is None:
        raise _lost(lease)


def end_lease(connection: Connection, lease: Lease) -> None:
    """Take a lease away from its holder, by the holder's own wish.

    Raises
    ------
    ConflictError
        It was lost before.
    """
    if connection.execute(delete(job_leases).where(*_of(lease))).rowcount == 0:
        raise _lost(lease)


def end_dead_lease(connection: Connection, seen: SeenLease) -> bool:
    """Take a lease away from a holder that has not moved; ``False`` if it has, or is gone."""
    still = (*_of(seen.lease), job_leases.c.beats == seen.beats)
    return connection.execute(delete(job_leases).where(*still)).rowcount == 1


def _of(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return job_leases.c.job_id == lease.job_id, job_leases.c.token == lease.token


def _lost(lease: Lease) -> ConflictError:
    return ConflictError(
        f"the lease of job {lease.job_id} was lost",
        "the lease under which it was begun",
        "nothing: another worker has the job, or it was cancelled",
    )
