"""Events told to others: who wants which, and what is sent to each."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(12), primary_key=True),
        _need("url", sa.String(500)),
        _need("events", sa.Text),
        _need("risk_threshold", sa.Float),
        _need("change_share", sa.Float),
        _need("created_by", sa.String(100)),
        _need("created_at", sa.DateTime),
        sa.Column("disabled_at", sa.DateTime),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "webhook_id", sa.String(12), sa.ForeignKey("webhooks.webhook_id"), nullable=False
        ),
        _need("delivery_id", sa.String(32)),
        _need("event", sa.String(32)),
        _need("body", sa.Text),
        sa.Column("dedup", sa.String(100)),
        _need("created_at", sa.DateTime),
        _need("state", sa.String(16)),
        _need("tries", sa.Integer),
        sa.Column("due_at", sa.DateTime),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("status", sa.Integer),
        sa.Column("reason", sa.String(300)),
        sa.UniqueConstraint("delivery_id", name="uq_webhook_deliveries_delivery_id"),
        sa.UniqueConstraint(
            "webhook_id", "dedup", name="uq_webhook_deliveries_webhook_id_dedup"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_deliveries_state_id", "webhook_deliveries", ["state", "id"])


def downgrade() -> None:
    """Drop the tables: nobody is told anything any more."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
