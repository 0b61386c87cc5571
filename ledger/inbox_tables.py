"""The ledger's tables of pushed rows: those on their way to the lake, and in which batches they go.

A row waits here from its acknowledgement until the lake has it, then it is removed: the facts are
kept in one place. Which batch brought it stays for a month.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from ledger.declare import document, id_column, instant, metadata, text

inbox_batches = Table(
    "inbox_batches",
    metadata,
    id_column(),
    # what the lake lists it as
    Column("name", String(64), nullable=False, unique=True),
    text("table_name"),
    Column("row_count", Integer, nullable=False),
    instant("arrived_at"),
    Column("rescore", Boolean, nullable=False),
    instant("appended_at", nullable=True),
    sqlite_autoincrement=True,
)

inbox = Table(
    "inbox",
    metadata,
    # every row ever pushed takes a number: more than an integer holds, in time
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    text("table_name"),
    # SHA-256 of the row's natural key: a batch holds each key once
    text("row_key"),
    document("content"),
    instant("arrived_at"),
    Column("rescore", Boolean, nullable=False),
    # empty until it goes
    Column("batch_id", Integer, ForeignKey("inbox_batches.id")),
    Index(None, "batch_id", "table_name", "id"),
    sqlite_autoincrement=True,
)
