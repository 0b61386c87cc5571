"""The ledger's tables of who may see which rows, and the chain of what was done by whom."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table

from ledger.declare import instant, metadata, text

books = Table(
    "books",
    metadata,
    Column("name", String(64), primary_key=True),
    text("created_by", 100),
    instant("created_at"),
)

book_pairs = Table(
    "book_pairs",
    metadata,
    Column("book", String(64), ForeignKey("books.name"), primary_key=True),
    Column("dimension", String(16), primary_key=True),
    Column("value", String(128), primary_key=True),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    instant("at"),
    text("principal", 100),
    Column("key_id", String(64)),
    Column("role", String(32)),
    Column("ip", String(64)),
    Column("request_id", String(64)),
    text("action", 64),
    text("object", 200),
    text("outcome", 16),
    Column("times", Integer, nullable=False),
    Column("break_glass", Boolean, nullable=False),
    Column("before_hash", String(64)),
    Column("after_hash", String(64)),
    Column("reason", String(500)),
    text("prev_hash"),
    text("hash"),
    Index(None, "action", "seq"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    text("hash"),
)
