"""Made for a server beside SQLite: the at-risk list's orders, each with an index of its own.

In the older two both columns went up; the list's values go down and its accounts up, so that every
page sorted all rows of one value again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"

ORDERS = {
    "loss": "expected_loss_minor DESC",
    "risk": "risk DESC",
    "value": "value_if_kept_minor DESC",
    "recency": "coalesce(recency_days, -1.0) DESC",
    "days": "coalesce(days_to_act, 1000000)",
}
# those behind the account let SQLite pass over a row without reading it
PLACES = ("account_id", "status", "country", "segment")
REPLACED = ("expected_loss_minor", "risk")


def upgrade() -> None:
    """Make an index for each order, and one for an owner's accounts."""
    for column in REPLACED:
        op.drop_index(f"ix_at_risk_run_id_{column}_account_id", "at_risk")
    for name, order in ORDERS.items():
        words = [sa.text(word) for word in ("run_id", order, *PLACES)]
        op.create_index(f"ix_at_risk_by_{name}", "at_risk", words)
    op.create_index("ix_at_risk_run_id_owner_id", "at_risk", ["run_id", "owner_id"])


def downgrade() -> None:
    """Put the older indexes back."""
    op.drop_index("ix_at_risk_run_id_owner_id", "at_risk")
    for name in ORDERS:
        op.drop_index(f"ix_at_risk_by_{name}", "at_risk")
    for column in REPLACED:
        op.create_index(
            f"ix_at_risk_run_id_{column}_account_id", "at_risk", ["run_id", column, "account_id"]
        )
