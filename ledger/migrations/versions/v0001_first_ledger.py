"""First ledger: releases, runs, scores, the at-risk view, forecasts, backtests, keys."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.declare import UtcDateTime
from ledger.guards import guards

revision = "0001"
down_revision: str | None = None

GUARDED = (
    "releases",
    "promotions",
    "runs",
    "publications",
    "run_models",
    "scores",
    "forecasts",
    "backtests",
)
RUN_ROWS = ("run_models", "scores", "at_risk", "forecasts", "backtests")


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _link(name: str, target: str, **given: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), **{"nullable": False, **given})


def _text(name: str, length: int = 64, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _need(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _maybe(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def upgrade() -> None:
    """Make the tables, then the guards that keep what was said from being rewritten."""
    _make_releases()
    _make_runs()
    _make_scores()
    _make_at_risk()
    _make_forecasts()
    _make_keys()
    guards(append_only=GUARDED, closed=RUN_ROWS)


def _make_releases() -> None:
    op.create_table(
        "releases",
        _id(),
        _text("model"),
        _need("horizon_days", sa.Integer),
        _text("route"),
        _text("candidate", 128),
        _text("version", 128),
        _text("digest"),
        _need("as_of", sa.Date),
        _need("created_at", UtcDateTime),
        _need("metrics", sa.Text),
        _need("card", sa.Text),
        _text("mlflow_run_id", nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_releases_model_horizon_days_version", "releases", ["model", "horizon_days", "version"]
    )
    op.create_table(
        "promotions",
        _id(),
        _text("model"),
        _need("horizon_days", sa.Integer),
        _link("release_id", "releases.id"),
        _need("promoted_at", UtcDateTime),
        _text("reason", 500),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_promotions_model_horizon_days", "promotions", ["model", "horizon_days"])


def _make_runs() -> None:
    op.create_table(
        "runs",
        _id(),
        _text("kind", 16),
        _need("as_of", sa.Date),
        _need("data_as_of", UtcDateTime),
        _need("started_at", UtcDateTime),
        _need("note", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "publications",
        _id(),
        _link("run_id", "runs.id"),
        _need("published_at", UtcDateTime),
        sa.UniqueConstraint("run_id", name="uq_publications_run_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "current_runs",
        sa.Column("kind", sa.String(16), primary_key=True),
        _link("run_id", "runs.id"),
    )
    op.create_table(
        "run_models",
        _link("run_id", "runs.id", primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        sa.Column("horizon_days", sa.Integer, primary_key=True),
        _link("release_id", "releases.id", primary_key=True),
    )


def _make_scores() -> None:
    op.create_table(
        "scores",
        _id(),
        _link("run_id", "runs.id"),
        _text("account_id"),
        _text("model"),
        _need("horizon_days", sa.Integer),
        _link("release_id", "releases.id"),
        _text("route"),
        _need("value", sa.Float),
        _text("unit", 16),
        _text("currency", 3, nullable=True),
        _need("rank", sa.Integer),
        _text("band", 16),
        _need("reasons", sa.Text),
        _maybe("features", sa.Text),
        sa.UniqueConstraint(
            "run_id",
            "model",
            "horizon_days",
            "account_id",
            name="uq_scores_run_id_model_horizon_days_account_id",
        ),
    )
    op.create_index("ix_scores_account_id_run_id", "scores", ["account_id", "run_id"])


def _make_at_risk() -> None:
    op.create_table(
        "at_risk",
        _link("run_id", "runs.id", primary_key=True),
        sa.Column("account_id", sa.String(64), primary_key=True),
        _text("name", 200, nullable=True),
        _text("segment", nullable=True),
        _text("country", nullable=True),
        _text("owner_id", nullable=True),
        _text("route"),
        _text("status", 16),
        _need("risk", sa.Float),
        _text("band", 16),
        _need("value_if_kept_minor", sa.Float),
        _need("expected_loss_minor", sa.Float),
        _text("currency", 3),
        _need("rank", sa.Integer),
        _need("recency_days", sa.Float),
        _maybe("last_order_on", sa.Date),
        _need("reasons", sa.Text),
    )
    for column in ("expected_loss_minor", "risk"):
        op.create_index(
            f"ix_at_risk_run_id_{column}_account_id", "at_risk", ["run_id", column, "account_id"]
        )


def _distribution() -> list[sa.Column[Any]]:
    amounts = [_need(f"{name}_minor", sa.Float) for name in ("p10", "p50", "p90", "mean")]
    return [
        _text("period", 8),
        _need("origin", sa.Date),
        _need("week", sa.Integer),
        _text("node", 128),
        _text("leg"),
        *amounts,
        _text("currency", 3),
    ]


def _make_forecasts() -> None:
    op.create_table(
        "forecasts",
        _id(),
        _link("run_id", "runs.id"),
        *_distribution(),
        _need("served", sa.Boolean),
        _maybe("parts", sa.Text),
        _maybe("actual_to_date_minor", sa.Float),
        _need("method", sa.Text),
        sa.UniqueConstraint(
            "run_id", "period", "node", "leg", name="uq_forecasts_run_id_period_node_leg"
        ),
    )
    op.create_index("ix_forecasts_period_run_id", "forecasts", ["period", "run_id"])
    op.create_table(
        "backtests",
        _id(),
        _link("run_id", "runs.id"),
        *_distribution(),
        _maybe("actual_minor", sa.Float),
        sa.UniqueConstraint(
            "run_id",
            "period",
            "origin",
            "node",
            "leg",
            name="uq_backtests_run_id_period_origin_node_leg",
        ),
    )
    op.create_index(
        "ix_backtests_run_id_node_leg_week", "backtests", ["run_id", "node", "leg", "week"]
    )


def _make_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(8), primary_key=True),
        _text("secret_hash"),
        _text("role", 32),
        _need("scopes", sa.Text),
        _text("label", 100),
        _text("created_by", 100),
        _need("created_at", UtcDateTime),
        _need("expires_at", UtcDateTime),
        _maybe("revoked_at", UtcDateTime),
    )
