"""The table of requests with an effect: what each was answered, so that a retry is answered so."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from ledger.declare import instant, metadata, text

effects = Table(
    "effects",
    metadata,
    # SHA-256 of principal, route and key: a caller's key may hold anything, so it is not kept
    Column("id", String(64), primary_key=True),
    text("principal", 200),
    text("body_digest"),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    instant("created_at"),
    Index(None, "created_at"),
)
