"""The feature rows that scores were computed from."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.guards import guards

revision = "0013"
down_revision: str | None = "0012"

TABLES = ("feature_layouts", "feature_rows")


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _link(name: str, target: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=False)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Make the tables, then the guards that keep what was said from being rewritten."""
    op.create_table(
        "feature_layouts",
        _id(),
        _link("run_id", "runs.id"),
        _need("route", sa.String(64)),
        _need("columns", sa.Text),
        sa.UniqueConstraint("run_id", "route", name="uq_feature_layouts_run_id_route"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "feature_rows",
        _id(),
        _link("layout_id", "feature_layouts.id"),
        _link("run_id", "runs.id"),
        _need("unit_id", sa.String(64)),
        _need("digest", sa.String(64)),
        _need("content", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_feature_rows_run_id_unit_id", "feature_rows", ["run_id", "unit_id"], unique=True
    )
    guards(append_only=TABLES, closed=TABLES)


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
