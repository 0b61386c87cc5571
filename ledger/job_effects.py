"""What a job has changed, by name: so that its second try does not change it again.

A command that is run for a job holds the job's lease (`hold`). Whatever it publishes it then
publishes together with a row here, in one transaction, and only while the lease holds.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from ledger.audit import Actor
from ledger.engine import Ledger
from ledger.job_leases import Lease, check_lease
from ledger.job_tables import job_effects, jobs

_holding: list[Lease] = []


def hold(lease: Lease) -> None:
    """Do everything from now on, in this process, for one job."""
    _holding[:] = [lease]


def let_go() -> None:
    """Do things for nobody again."""
    _holding.clear()


def held_lease() -> Lease | None:
    """Return the lease that this process works under; ``None`` if it works for no job."""
    return _holding[0] if _holding else None


def find_asker(ledger: Ledger, otherwise: Actor) -> Actor:
    """Return in whose name this process acts: of who asked for its job, or ``otherwise``.

    What a worker does for somebody is noted as that one's doing, not as the worker's.
    """
    lease = held_lease()
    if lease is None:
        return otherwise
    with ledger.reading() as connection:
        asked = select(jobs.c.created_by).where(jobs.c.id == lease.job_id)
        name = connection.scalar(asked)
    if name is None:
        return otherwise
    kind, _, key_id = str(name).partition(":")
    return Actor(str(name), key_id if kind == "key" else None)


def is_new_effect(connection: Connection, name: str) -> bool:
    """Say whether an effect is still to be made, and note that this transaction makes it.

    Without a job it always is.

    Parameters
    ----------
    name
        What is changed, the same in every try of the job.

    Raises
    ------
    ConflictError
        The job was taken over or cancelled: nothing may be changed for it any more.
    """
    lease = held_lease()
    if lease is None:
        return True
    check_lease(connection, lease)
    mine = (job_effects.c.job_id == lease.job_id, job_effects.c.name == name)
    if connection.scalar(select(job_effects.c.name).where(*mine)) is not None:
        return False
    connection.execute(insert(job_effects), {"job_id": lease.job_id, "name": name})
    return True
