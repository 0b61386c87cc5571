"""Once is enough: a request's effect and the row that remembers its answer, in one transaction.

The row is written first: while its transaction is open, nobody else gets past that row, and if the
process dies the database takes both back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from ledger.effect_tables import effects
from ledger.engine import Ledger
from lifecycle.errors import ConflictError, DataError

KEPT_HOURS = 72
PURGED_AT_ONCE = 100
_UNFINISHED = 0


@dataclass(frozen=True)
class Request:
    """A request with an effect.

    Attributes
    ----------
    principal
        Who asks; another caller's same key is another request.
    route
        Method and path.
    key
        The caller's own name of the request.
    body_digest
        SHA-256 (hex) of what was sent.
    """

    principal: str
    route: str
    key: str
    body_digest: str

    @property
    def row_id(self) -> str:
        """The name of its row."""
        parts = (self.principal, self.route, self.key)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Answered:
    """What a request was answered.

    Attributes
    ----------
    status, body
        HTTP status, and the bytes of the answer.
    replayed
        The effect had happened before.
    """

    status: int
    body: bytes
    replayed: bool = False


class InFlightError(ConflictError):
    """The same request is being worked on elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            "the same request is being worked on",
            "one at a time",
            "send it again in a second, with the same key: it will be answered as the first",
        )


class OtherBodyError(DataError):
    """The key was used for a request with another body."""

    def __init__(self) -> None:
        super().__init__(
            "the idempotency key was used for another body",
            "a key of its own for each request",
            "choose a new key",
        )


def act_once(
    ledger: Ledger,
    request: Request,
    action: Callable[[Connection], tuple[int, bytes]],
    *,
    now: datetime,
) -> Answered:
    """Let a request have its effect, or return what it was answered when it had it.

    Parameters
    ----------
    ledger
        Where effects and answers are written.
    request
        Its key is remembered for 72 hours.
    action
        The effect, written through the connection it is given; if it raises, nothing has happened
        and the key is free again.
    now
        UTC instant.

    Raises
    ------
    InFlightError
        The same request is in another process's open transaction (PostgreSQL; on SQLite the one
        writer is waited for).
    OtherBodyError
        The key belongs to another body.
    """
    with ledger.writing() as connection:
        if not _try_lock(connection, request.row_id):
            raise InFlightError
        purge_effects(connection, now=now)
        found = _find(connection, request, now)
        if found is not None:
            return found
        values = {"principal": request.principal, "body_digest": request.body_digest}
        empty = {"status": _UNFINISHED, "body": b"", "created_at": now}
        connection.execute(insert(effects), {"id": request.row_id, **values, **empty})
        status, body = action(connection)
        query = update(effects).where(effects.c.id == request.row_id)
        connection.execute(query.values(status=status, body=body))
    return Answered(status, body)


def purge_effects(connection: Connection, *, now: datetime) -> int:
    """Forget some answers that are older than 72 hours; return how many."""
    old = select(effects.c.id).where(effects.c.created_at <= _horizon(now))
    # rows that another transaction is purging are left to it, or the two could wait in a circle
    some = (
        old.order_by(effects.c.created_at).limit(PURGED_AT_ONCE).with_for_update(skip_locked=True)
    )
    return connection.execute(delete(effects).where(effects.c.id.in_(some))).rowcount


def _horizon(now: datetime) -> datetime:
    return now - timedelta(hours=KEPT_HOURS)


def _find(connection: Connection, request: Request, now: datetime) -> Answered | None:
    same = effects.c.id == request.row_id
    columns = (effects.c.body_digest, effects.c.status, effects.c.body, effects.c.created_at)
    row = connection.execute(select(*columns).where(same)).first()
    if row is None:
        return None
    if row.created_at <= _horizon(now):
        connection.execute(delete(effects).where(same))
        return None
    if row.body_digest != request.body_digest:
        raise OtherBodyError
    return Answered(row.status, row.body, replayed=True)


def _try_lock(connection: Connection, row_id: str) -> bool:
    """Take the request's name until the transaction ends; on SQLite the writer is alone anyway."""
    if connection.dialect.name != "postgresql":
        return True
    number = int(row_id[:15], 16)  # of the 63 bits that such a lock is named by
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(number))))
