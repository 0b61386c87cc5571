"""Webhooks: who is told of which events, under a secret that is kept nowhere.

The secret follows from the pepper and the webhook's random id, so that whoever reads the ledger
cannot sign, and whoever holds the data directory can.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from ledger.audit import Actor, AuditEntry, append_audit, digest_of
from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.webhook_tables import webhook_deliveries, webhooks
from lifecycle.errors import ConflictError, UsageError

RISK, FORECAST, PROMOTED, STALE = "risk.crossed", "forecast.changed", "model.promoted", "data.stale"
EVENTS = (RISK, FORECAST, PROMOTED, STALE)
TEST = "test"
RISK_THRESHOLD = 0.5
CHANGE_SHARE = 0.05
MOST_WEBHOOKS = 20
LONGEST_URL = 500


@dataclass(frozen=True)
class Webhook:
    """Who is told of what.

    Attributes
    ----------
    url
        Where events are posted to.
    events
        Some of ``EVENTS``.
    risk_threshold
        Probability (0-1) at which an account's risk counts as high.
    change_share
        Share by which a forecast must differ from the one before to be told.
    disabled_at
        UTC instant since which nothing is sent; ``None`` while it lives.
    """

    webhook_id: str
    url: str
    events: tuple[str, ...]
    risk_threshold: float
    change_share: float
    created_by: str
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True)
class WebhookRequest:
    """What a new webhook is to be told; its address was checked before."""

    url: str
    events: Sequence[str] = EVENTS
    risk_threshold: float = RISK_THRESHOLD
    change_share: float = CHANGE_SHARE


def derive_secret(pepper: bytes, webhook_id: str) -> str:
    """Return the secret under which a webhook's deliveries are signed."""
    told = hmac.new(pepper, b"truecast webhook " + webhook_id.encode(), hashlib.sha256)
    return f"whsec_{told.hexdigest()}"


def add_webhook(
    connection: Connection, request: WebhookRequest, by: Actor, *, now: datetime | None = None
) -> Webhook:
    """Write a webhook in the caller's transaction.

    Raises
    ------
    UsageError
        It wants no event or an unknown one, or a threshold lies outside 0-1.
    ConflictError
        There are as many as there may be.
    """
    _check(request)
    alive = select(func.count()).where(webhooks.c.disabled_at.is_(None))
    if (connection.scalar(alive) or 0) >= MOST_WEBHOOKS:
        raise ConflictError(f"{MOST_WEBHOOKS} webhooks", "fewer", "disable one that is not needed")
    made = Webhook(
        webhook_id=secrets.token_hex(6),
        url=request.url,
        events=tuple(dict.fromkeys(request.events)),
        risk_threshold=request.risk_threshold,
        change_share=request.change_share,
        created_by=by.name[:100],
        created_at=now or datetime.now(UTC),
    )
    row = {**vars(made), "events": dump_document(list(made.events), "events")}
    connection.execute(insert(webhooks), row)
    entry = AuditEntry(by, "webhooks.create", f"webhook:{made.webhook_id}")
    append_audit(connection, replace(entry, after_hash=_digest(made)))
    return made


def disable_webhook(
    connection: Connection, webhook_id: str, by: Actor, *, now: datetime | None = None
) -> Webhook:
    """Send nothing more, waiting deliveries among it; one that is disabled stays so.

    Raises
    ------
    UsageError
        There is no such webhook.
    """
    found = find_webhook(connection, webhook_id)
    if found.disabled_at is not None:
        return found
    ended = replace(found, disabled_at=now or datetime.now(UTC))
    mine = webhooks.c.webhook_id == webhook_id
    connection.execute(update(webhooks).where(mine).values(disabled_at=ended.disabled_at))
    waiting = (
        webhook_deliveries.c.webhook_id == webhook_id,
        webhook_deliveries.c.state.in_(["open", "waiting"]),
    )
    told = {"state": "dead", "reason": "the webhook was disabled", "ended_at": ended.disabled_at}
    connection.execute(update(webhook_deliveries).where(*waiting).values(told))
    entry = AuditEntry(by, "webhooks.disable", f"webhook:{webhook_id}")
    entry = replace(entry, before_hash=_digest(found), after_hash=_digest(ended))
    append_audit(connection, entry)
    return ended


def find_webhook(connection: Connection, webhook_id: str) -> Webhook:
    """Return a webhook, disabled or not.

    Raises
    ------
    UsageError
        There is no such webhook.
    """
    query = select(webhooks).where(webhooks.c.webhook_id == webhook_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        todo = "see `truecast webhooks list`"
        raise UsageError(f"no webhook {webhook_id[:20]!r}", "a webhook's id", todo)
    return webhook_of(row)


def find_listeners(connection: Connection, event: str) -> list[Webhook]:
    """Return the living webhooks that are told of an event; of a test all are."""
    query = select(webhooks).where(webhooks.c.disabled_at.is_(None))
    found = [webhook_of(row) for row in connection.execute(query).mappings()]
    return [one for one in found if event in one.events]


def read_webhooks(ledger: Ledger) -> list[Webhook]:
    """Return all webhooks, newest first, disabled ones too."""
    order = (webhooks.c.created_at.desc(), webhooks.c.webhook_id)
    with ledger.reading() as connection:
        rows = connection.execute(select(webhooks).order_by(*order)).mappings()
        return [webhook_of(row) for row in rows]


def webhook_of(row: RowMapping) -> Webhook:
    """Build a `Webhook` from a row."""
    given: dict[str, Any] = {name: row[name] for name in Webhook.__annotations__}
    return Webhook(**{**given, "events": tuple(parse_document(row["events"]))})


def _check(request: WebhookRequest) -> None:
    unknown = sorted(set(request.events) - set(EVENTS))
    if unknown or not request.events:
        found = f"events {', '.join(unknown)[:80] or 'without any'}"
        raise UsageError(found, f"some of {', '.join(EVENTS)}", "correct the events")
    if not (0 < request.risk_threshold <= 1 and 0 <= request.change_share <= 1):
        found = f"thresholds {request.risk_threshold} and {request.change_share}"
        raise UsageError(found, "a risk above 0 and a share, each at most 1", "correct them")


def _digest(webhook: Webhook) -> str:
    return digest_of(vars(webhook))
