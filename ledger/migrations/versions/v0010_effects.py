"""Idempotency keys of requests with an effect."""

from __future__ import annotations

revision = "0010"
down_revision: str | None = "0009"


def upgrade() -> None:
    """Change nothing yet."""


def downgrade() -> None:
    """Change nothing yet."""
