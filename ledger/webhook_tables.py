"""The ledger's tables of events told to others: who wants which, and what is sent to each.

A delivery is written in the transaction of its cause, with the very text that will be sent: what
was rolled back is told to nobody, and what was committed is told at least once.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from ledger.declare import document, id_column, instant, metadata, text

webhooks = Table(
    "webhooks",
    metadata,
    # drawn at random: its secret follows from it, so that none may ever come back
    Column("webhook_id", String(12), primary_key=True),
    text("url", 500),
    document("events"),
    Column("risk_threshold", Float, nullable=False),
    Column("change_share", Float, nullable=False),
    text("created_by", 100),
    instant("created_at"),
    instant("disabled_at", nullable=True),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    id_column(),
    Column("webhook_id", String(12), ForeignKey("webhooks.webhook_id"), nullable=False),
    text("delivery_id", 32),
    text("event", 32),
    document("body"),
    # empty, or what makes a second one of its kind needless
    Column("dedup", String(100)),
    instant("created_at"),
    text("state", 16),
    Column("tries", Integer, nullable=False),
    # empty: at once. Whoever tells and whoever sends need not agree on what time it is
    instant("due_at", nullable=True),
    instant("ended_at", nullable=True),
    Column("status", Integer),
    Column("reason", String(300)),
    UniqueConstraint("delivery_id"),
    UniqueConstraint("webhook_id", "dedup"),
    Index(None, "state", "id"),
    sqlite_autoincrement=True,
)
