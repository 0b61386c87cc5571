"""Outcomes of deals: what came of each chance that was issued for a quarter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.guards import guards

revision = "0004"
down_revision: str | None = "0003"


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _link(name: str, target: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=False)


def upgrade() -> None:
    """Make the table, then the guards that keep what was judged from being rewritten."""
    op.create_table(
        "deal_outcomes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        _link("run_id", "runs.id"),
        _need("opportunity_id", sa.String(64)),
        _link("release_id", "releases.id"),
        *[_need(name, sa.Date) for name in ("as_of", "quarter_start_on", "quarter_ends_before")],
        _need("chance", sa.Float),
        sa.Column("won", sa.Boolean, nullable=True),
        sa.Column("closed_on", sa.Date, nullable=True),
        _need("known_on", sa.Date),
        _need("recorded_at", sa.DateTime),
        sa.UniqueConstraint(
            "opportunity_id", "as_of", name="uq_deal_outcomes_opportunity_id_as_of"
        ),
    )
    guards(append_only=["deal_outcomes"])
