"""The bytes a job gave: written part by part by the holder of its lease, kept a week."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from ledger.engine import Ledger
from ledger.erasure import drop_names
from ledger.job_leases import Lease, check_lease
from ledger.job_tables import job_results, jobs
from ledger.jobs import Result
from lifecycle.errors import LedgerError, RefusedError

MOST_BYTES = 64 * 1024 * 1024
PART_BYTES = 1024 * 1024
"""Each part is one short transaction: a large result keeps nobody else from writing."""


def write_result(ledger: Ledger, lease: Lease, content: Iterable[bytes], *, media: str) -> Result:
    """Keep the bytes of a job that is still running; they are seen once it is done.

    Parameters
    ----------
    content
        The bytes in chunks of any size.
    media
        Their media type.

    Raises
    ------
    RefusedError
        They are too many.
    ConflictError
        The lease was lost.
    LedgerError
        They cannot be written, for example because the disk is full.
    """
    size, digest = 0, hashlib.sha256()
    for part, chunk in enumerate(_parts(content)):
        size += len(chunk)
        digest.update(chunk)
        if size > MOST_BYTES:
            raise RefusedError(
                f"a result of more than {MOST_BYTES:,} bytes",
                "a smaller one",
                "ask for fewer rows, or for Parquet, which is smaller",
            )
        with ledger.writing() as connection:
            check_lease(connection, lease)
            row = {"job_id": lease.job_id, "part": part, "content": chunk}
            connection.execute(insert(job_results), row)
    return Result(media, size, digest.hexdigest())


def read_result(ledger: Ledger, job_id: int) -> Iterator[bytes]:
    """Yield the bytes of a job's result part by part; nothing once they were dropped.

    Raises
    ------
    LedgerError
        A part is missing: it was dropped while it was read.
    """
    with ledger.reading() as connection:
        mine = select(func.count()).where(job_results.c.job_id == job_id)
        count = connection.scalar(mine) or 0
    for part in range(count):
        query = select(job_results.c.content)
        query = query.where(job_results.c.job_id == job_id, job_results.c.part == part)
        with ledger.reading() as connection:
            content = connection.scalar(query)
        if content is None:
            raise LedgerError(
                f"the result of job {job_id} was dropped", "its bytes", "run it again"
            )
        yield bytes(content)


def drop_results(ledger: Ledger, *, now: datetime) -> int:
    """Drop the bytes of results whose week is over; return of how many jobs.

    What was given stays described by its digest. Whom an erasure was to forget that came to nothing
    a week ago goes too.
    """
    over = select(jobs.c.id).where(jobs.c.kept_until <= now)
    with ledger.reading() as connection:
        found = list(connection.scalars(over))
    for job_id in found:
        with ledger.writing() as connection:
            connection.execute(delete(job_results).where(job_results.c.job_id == job_id))
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(kept_until=None))
    with ledger.writing() as connection:
        drop_names(connection, now=now)
    return len(found)


def _parts(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield parts of `PART_BYTES`, the last one shorter."""
    held = bytearray()
    for chunk in content:
        held += chunk
        while len(held) >= PART_BYTES:
            yield bytes(held[:PART_BYTES])
            del held[:PART_BYTES]
    if held:
        yield bytes(held)
