"""The feature rows that scores were computed from: what a what-if starts at and a replay reads."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from ledger.declare import document, id_column, metadata, run_column, text

feature_layouts = Table(
    "feature_layouts",
    metadata,
    id_column(),
    run_column(),
    text("route"),
    document("columns"),
    UniqueConstraint("run_id", "route"),
    sqlite_autoincrement=True,
)

feature_rows = Table(
    "feature_rows",
    metadata,
    id_column(),
    Column("layout_id", Integer, ForeignKey("feature_layouts.id"), nullable=False),
    run_column(),
    text("unit_id"),
    Column("digest", String(64), nullable=False),
    document("content"),
    Index(None, "run_id", "unit_id", unique=True),
    sqlite_autoincrement=True,
)
