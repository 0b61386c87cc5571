"""Pushed rows on their way to the lake, and the batches they go in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _number() -> Any:
    """Return a type that no count of rows outgrows; SQLite counts up in its own kind only."""
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; a row stays until the lake has it, a batch for a month after."""
    op.create_table(
        "inbox_batches",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        _need("name", sa.String(64)),
        _need("table_name", sa.String(64)),
        _need("row_count", sa.Integer),
        _need("arrived_at", sa.DateTime),
        _need("rescore", sa.Boolean),
        sa.Column("appended_at", sa.DateTime),
        sa.UniqueConstraint("name", name="uq_inbox_batches_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inbox",
        sa.Column("id", _number(), primary_key=True, autoincrement=True),
        _need("table_name", sa.String(64)),
        _need("row_key", sa.String(64)),
        _need("content", sa.Text),
        _need("arrived_at", sa.DateTime),
        _need("rescore", sa.Boolean),
        sa.Column("batch_id", sa.Integer, sa.ForeignKey("inbox_batches.id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_batch_id_table_name_id", "inbox", ["batch_id", "table_name", "id"])


def downgrade() -> None:
    """Drop the tables; let the worker empty them first, or acknowledged rows are lost."""
    for table in ("inbox", "inbox_batches"):
        op.drop_table(table)
