"""Idempotency keys of requests with an effect, and what each request was answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    """Make the table; its rows are kept for three days."""
    op.create_table(
        "effects",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("principal", sa.String(200), nullable=False),
        sa.Column("body_digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_index("ix_effects_created_at", "effects", ["created_at"])


def downgrade() -> None:
    """Forget the answers; a retry after that has its effect again."""
    op.drop_table("effects")
