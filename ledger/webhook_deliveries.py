"""Deliveries of events: taken one by one, tried again for two days, and then given up.

Whoever takes one puts off its next try first, in a short transaction of its own, and then sends: a
process that dies on the way leaves a delivery that is due again, and no other sends it meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, delete, func, or_, select, update

from ledger.audit import Actor, AuditEntry, append_audit
from ledger.engine import Ledger
from ledger.webhook_tables import webhook_deliveries as deliveries
from ledger.webhook_tables import webhooks
from ledger.webhooks import Webhook, webhook_of
from lifecycle.errors import UsageError

HOLD = timedelta(minutes=2)
"""For how long a taken delivery is nobody else's; sending is given up long before."""
WAITS = tuple(timedelta(minutes=count) for count in (1, 5, 30, 120, 360, 720, 1440))
"""How long a delivery waits after each failed try but the last."""
MOST_TRIES = len(WAITS) + 1
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one webhook.

    Attributes
    ----------
    delivery_id
        The same in every try: by it a receiver knows what it has had.
    body
        The text that is sent and signed, the same in every try.
    created_at, due_at, ended_at
        UTC instants: when its cause was written, of the next try (``None``: at once), and when it
        was delivered or given up.
    status, reason
        HTTP status of the last answer, and why it did not count as delivered.
    """

    webhook_id: str
    delivery_id: str
    event: str
    body: str
    created_at: datetime
    state: Literal["open", "waiting", "delivered", "dead"]
    tries: int
    due_at: datetime | None
    ended_at: datetime | None
    status: int | None
    reason: str | None


@dataclass(frozen=True)
class Sent:
    """How a try ended: the HTTP status if there was an answer, and why it failed if it did."""

    status: int | None
    reason: str | None = None


@dataclass(frozen=True)
class Tally:
    """How one webhook's deliveries of the last 30 days stand."""

    waiting: int
    dead: int
    last_delivered_at: datetime | None


def take_delivery(
    ledger: Ledger, *, now: datetime, but: Collection[str] = (), only: str | None = None
) -> tuple[Webhook, Delivery] | None:
    """Take the oldest delivery that is due; ``None`` if none is.

    Parameters
    ----------
    but
        Webhooks that are passed over.
    only
        Id of the one delivery that is wanted.
    """
    waiting = deliveries.c.state == "waiting"
    due = or_(deliveries.c.due_at.is_(None), deliveries.c.due_at <= now)
    query = select(deliveries).where(waiting, due)
    query = query.where(deliveries.c.webhook_id.not_in(sorted(but)))
    if only is not None:
        query = query.where(deliveries.c.delivery_id == only)
    first = query.order_by(deliveries.c.id).limit(1)
    with ledger.reading() as connection:
        row = connection.execute(first).mappings().first()
    if row is None:
        return None
    with ledger.writing() as connection:
        # as it was seen: of two that saw it, the second changes nothing and sends nothing
        seen = (deliveries.c.id == row["id"], waiting, deliveries.c.tries == row["tries"])
        put_off = {"tries": row["tries"] + 1, "due_at": now + HOLD}
        changed = connection.execute(update(deliveries).where(*seen).values(put_off))
        whose = select(webhooks).where(webhooks.c.webhook_id == row["webhook_id"])
        webhook = webhook_of(connection.execute(whose).mappings().one())
    if changed.rowcount == 0:
        return take_delivery(ledger, now=now, but=but, only=only)
    return webhook, replace(_delivery(row), **put_off)


def note_sent(ledger: Ledger, taken: Delivery, sent: Sent, *, now: datetime) -> str:
    """Keep how a try ended; return the delivery's state.

    A late note of a try that was taken for dead changes nothing: a later try has it now.
    """
    told: dict[str, Any] = {"status": sent.status, "reason": sent.reason and sent.reason[:300]}
    if sent.reason is None:
        told |= {"state": "delivered", "ended_at": now}
    elif taken.tries >= MOST_TRIES:
        told |= {"state": "dead", "ended_at": now}
    else:
        told |= {"due_at": now + WAITS[taken.tries - 1]}
    mine = (
        deliveries.c.delivery_id == taken.delivery_id,
        deliveries.c.state == "waiting",
        deliveries.c.tries == taken.tries,
    )
    with ledger.writing() as connection:
        connection.execute(update(deliveries).where(*mine).values(told))
    return str(told.get("state", "waiting"))


def redeliver(connection: Connection, delivery_id: str, by: Actor) -> Delivery:
    """Let a delivery be sent once more, with all its tries, under the same id.

    Raises
    ------
    UsageError
        There is no such delivery, it waits for its data, or its webhook is disabled.
    """
    query = select(deliveries, webhooks.c.disabled_at).join(webhooks)
    query = query.where(deliveries.c.delivery_id == delivery_id)
    row = connection.execute(query).mappings().first()
    # an open one has not got its data yet: it is sent when it has
    if row is None or row["disabled_at"] is not None or row["state"] == "open":
        raise UsageError(
            f"no delivery {delivery_id[:40]!r} of a living webhook",
            "an id that was not delivered or was, within 30 days",
            "see `truecast webhooks list`",
        )
    again = {"state": "waiting", "tries": 0, "due_at": None, "ended_at": None}
    mine = deliveries.c.delivery_id == delivery_id
    connection.execute(update(deliveries).where(mine).values(again))
    append_audit(connection, AuditEntry(by, "webhooks.redeliver", f"delivery:{delivery_id}"))
    return replace(_delivery(row), **again)  # type: ignore[arg-type]


def read_delivery(ledger: Ledger, delivery_id: str) -> Delivery | None:
    """Return one delivery; ``None`` if there is none."""
    query = select(deliveries).where(deliveries.c.delivery_id == delivery_id)
    with ledger.reading() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _delivery(row)


def read_failures(ledger: Ledger, *, limit: int) -> list[Delivery]:
    """Return deliveries that failed and are dead or wait for another try, newest first."""
    failed = (deliveries.c.state != "delivered", deliveries.c.reason.is_not(None))
    query = select(deliveries).where(*failed).order_by(deliveries.c.id.desc()).limit(limit)
    with ledger.reading() as connection:
        return [_delivery(row) for row in connection.execute(query).mappings()]


def read_tallies(ledger: Ledger) -> dict[str, Tally]:
    """Return how the deliveries of each webhook stand, by its id."""
    counted = select(
        deliveries.c.webhook_id,
        func.count().filter(deliveries.c.state == "waiting"),
        func.count().filter(deliveries.c.state == "dead"),
        func.max(deliveries.c.ended_at).filter(deliveries.c.state == "delivered"),
    ).group_by(deliveries.c.webhook_id)
    with ledger.reading() as connection:
        return {one[0]: Tally(*one[1:]) for one in connection.execute(counted)}


def drop_old(ledger: Ledger, *, now: datetime) -> int:
    """Forget deliveries that ended more than 30 days ago; return how many."""
    with ledger.writing() as connection:
        old = delete(deliveries).where(deliveries.c.ended_at <= now - KEPT)
        return connection.execute(old).rowcount


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__annotations__})
