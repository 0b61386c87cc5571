"""Two routes: champions by route, details, contract columns, hold-outs and outcomes of scores."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.declare import UtcDateTime
from ledger.guards import guards

revision = "0002"
down_revision: str | None = "0001"

GUARDED = ("holdouts", "score_outcomes")


def _maybe(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Add what the second route needs; every champion so far spoke for non_contractual."""
    _key_promotions()
    op.add_column("scores", _maybe("detail", sa.Text))
    _widen_at_risk()
    _make_holdouts()
    _make_outcomes()
    guards(append_only=GUARDED)


def _key_promotions() -> None:
    route = sa.Column("route", sa.String(64), nullable=False, server_default="non_contractual")
    op.add_column("promotions", route)
    op.drop_index("ix_promotions_model_horizon_days", "promotions")
    op.create_index(
        "ix_promotions_model_route_horizon_days", "promotions", ["model", "route", "horizon_days"]
    )


def _widen_at_risk() -> None:
    """Allow no recency, for a contract has none; SQLite rebuilds the table, and its guard, to."""
    rebuilt = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("at_risk", recreate="always" if rebuilt else "never") as table:
        table.alter_column("recency_days", existing_type=sa.Float, nullable=True)
        for name in ("curve", "causes"):
            table.add_column(_maybe(name, sa.Text))
        for name in ("risk_low", "risk_high"):
            table.add_column(_maybe(name, sa.Float))
        for name in ("renewal_on", "notice_by_on"):
            table.add_column(_maybe(name, sa.Date))
        table.add_column(_maybe("days_to_act", sa.Integer))
        for name in ("mrr_minor", "arr_at_risk_minor"):
            table.add_column(_maybe(name, sa.Float))
        table.add_column(_maybe("leaving_on", sa.Date))
        table.add_column(_maybe("treatment", sa.String(16)))
    if rebuilt:
        guards(closed=["at_risk"])


def _make_holdouts() -> None:
    op.create_table(
        "holdouts",
        sa.Column("campaign", sa.String(64), primary_key=True),
        sa.Column("account_id", sa.String(64), primary_key=True),
        _need("assigned_on", sa.Date),
        _need("assigned_at", UtcDateTime),
        _need("arm", sa.String(16)),
        _need("draw", sa.Float),
        _need("share", sa.Float),
        _need("key_digest", sa.String(64)),
    )


def _make_outcomes() -> None:
    op.create_table(
        "score_outcomes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False),
        _need("account_id", sa.String(64)),
        _need("model", sa.String(64)),
        _need("horizon_days", sa.Integer),
        _need("route", sa.String(64)),
        _need("as_of", sa.Date),
        _need("value", sa.Float),
        _need("happened", sa.Boolean),
        _maybe("happened_on", sa.Date),
        _maybe("cause", sa.String(32)),
        _need("arm", sa.String(16)),
        _need("treated", sa.Boolean),
        _maybe("value_if_kept_minor", sa.Float),
        _maybe("expected_loss_minor", sa.Float),
        _maybe("currency", sa.String(3)),
        _need("known_on", sa.Date),
        _need("recorded_at", UtcDateTime),
        sa.UniqueConstraint(
            "model",
            "horizon_days",
            "account_id",
            "as_of",
            name="uq_score_outcomes_model_horizon_days_account_id_as_of",
        ),
    )
