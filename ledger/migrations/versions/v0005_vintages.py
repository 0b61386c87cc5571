"""Vintages: one home for forecasts and backtests, their quantiles, actuals, scores and chances.

What the two older tables hold goes over to them as target ``orders``; quantiles beyond P10, P50 and
P90 were not kept then, so scores that need them stay empty.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.guards import guards

revision = "0005"
down_revision: str | None = "0004"

GUARDED = ("forecast_books", "vintages", "period_actuals", "vintage_scores", "target_chances")
UNKNOWN = "before version 5 the ledger did not keep which leg a backtest would have served"


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _run() -> sa.Column[Any]:
    return sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False)


def _need(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _maybe(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=True) for name in names]


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def _period() -> list[sa.Column[Any]]:
    return [*_need(sa.String(16), "target"), *_need(sa.String(8), "period")]


def _origin() -> list[sa.Column[Any]]:
    return [*_need(sa.Date, "origin"), *_need(sa.Integer, "week")]


def upgrade() -> None:
    """Make the tables, move over what was said before, then guard it from being rewritten."""
    _make_books()
    _make_vintages()
    _make_outcomes()
    _make_chances()
    _copy_books("forecasts")
    _copy_books("backtests")
    _copy_vintages()
    _copy_actuals()
    _copy_scores()
    op.drop_table("forecasts")
    op.drop_table("backtests")
    guards(append_only=GUARDED, closed=GUARDED)


def _make_books() -> None:
    key = ("run_id", "target", "period", "origin")
    op.create_table(
        "forecast_books",
        _id(),
        _run(),
        *_period(),
        *_origin(),
        *_need(sa.String(64), "served_leg"),
        *_need(sa.String(2000), "verdict"),
        *_need(sa.Text, "weights", "notes"),
        *_need(sa.String(200), "model_version"),
        *_need(sa.String(64), "data_hash"),
        *_need(sa.String(3), "currency"),
        *_need(sa.Integer, "judged_quarters"),
        _unique("forecast_books", *key),
    )
    columns = ["target", "period", "origin"]
    op.create_index("ix_forecast_books_target_period_origin", "forecast_books", columns)


def _make_vintages() -> None:
    key = ("run_id", "target", "period", "origin", "node", "leg")
    op.create_table(
        "vintages",
        _id(),
        _run(),
        *_period(),
        *_origin(),
        *_need(sa.String(160), "node"),
        *_need(sa.String(64), "leg"),
        *_need(sa.Boolean, "served"),
        *_need(sa.Float, "mean_minor", "p10_minor", "p50_minor", "p90_minor"),
        *_maybe(sa.Text, "quantiles"),
        *_maybe(sa.Float, "to_date_minor"),
        *_maybe(sa.Text, "parts"),
        *_need(sa.String(3), "currency"),
        _unique("vintages", *key),
    )
    columns = ["target", "node", "leg", "run_id", "period"]
    op.create_index("ix_vintages_target_node_leg_run_id_period", "vintages", columns)


def _make_outcomes() -> None:
    key = ("run_id", "target", "period", "node")
    op.create_table(
        "period_actuals",
        _id(),
        _run(),
        *_period(),
        *_need(sa.String(160), "node"),
        *_need(sa.Float, "actual_minor"),
        *_need(sa.Date, "known_on"),
        _unique("period_actuals", *key),
    )
    columns = ["target", "node", "period"]
    op.create_index("ix_period_actuals_target_node_period", "period_actuals", columns)
    op.create_table(
        "vintage_scores",
        sa.Column("vintage_id", sa.Integer, sa.ForeignKey("vintages.id"), primary_key=True),
        _run(),
        *_need(sa.Date, "known_on"),
        *_need(sa.Float, "actual_minor", "error_minor", "mean_error_minor"),
        *_maybe(sa.Float, "crps_minor", "pinball_minor", "pit"),
        *_maybe(sa.Boolean, "inside50"),
        *_need(sa.Boolean, "inside80"),
        *_maybe(sa.Boolean, "inside95"),
        *_need(sa.Float, "width80_minor", "score80_minor"),
        *_maybe(sa.Float, "to_date_share"),
    )


def _make_chances() -> None:
    key = ("run_id", "target", "period", "origin", "node", "target_id")
    op.create_table(
        "target_chances",
        _id(),
        _run(),
        *_period(),
        *_origin(),
        *_need(sa.String(160), "node"),
        *_need(sa.String(64), "target_id"),
        *_need(sa.Float, "target_minor", "p_hit"),
        _unique("target_chances", *key),
    )


def _copy_books(old: str) -> None:
    """Make one book of each (run, period, origin) at whose total something was said."""
    connection = op.get_bind()
    said = "served, method" if old == "forecasts" else "leg = 'combined' AS served, '{}' AS method"
    rows = connection.execute(
        sa.text(
            f"SELECT run_id, period, origin, week, leg, currency, {said} FROM {old} "
            "WHERE node = 'total' ORDER BY run_id, period, origin"
        )
    )
    books = []
    for key, group in groupby(rows.mappings().all(), lambda row: tuple(row.values())[:4]):
        legs = list(group)
        told = [json.loads(row["method"]) for row in legs]
        served = next((at for at, row in enumerate(legs) if row["served"]), 0)
        books.append(
            {
                **dict(zip(("run_id", "period", "origin", "week"), key, strict=True)),
                "served_leg": legs[served]["leg"],
                "verdict": told[served].get("verdict", "") or UNKNOWN,
                "weights": json.dumps(next((o["weights"] for o in told if o.get("weights")), {})),
                "currency": legs[0]["currency"],
            }
        )
    if books:
        connection.execute(
            sa.text(
                "INSERT INTO forecast_books (run_id, target, period, origin, week, served_leg, "
                "verdict, weights, notes, model_version, data_hash, currency, judged_quarters) "
                "VALUES (:run_id, 'orders', :period, :origin, :week, :served_leg, :verdict, "
                ":weights, '{}', '', '', :currency, 0)"
            ),
            books,
        )


def _copy_vintages() -> None:
    names = "run_id, period, origin, week, node, leg, mean_minor, p10_minor, p50_minor, p90_minor"
    into = f"INSERT INTO vintages (target, {names}, currency, served, to_date_minor, parts) "
    op.execute(
        f"{into} SELECT 'orders', {names}, currency, served, actual_to_date_minor, parts "
        "FROM forecasts ORDER BY id"
    )
    op.execute(
        f"{into} SELECT 'orders', {names}, currency, leg = 'combined', NULL, NULL "
        "FROM backtests ORDER BY id"
    )


def _copy_actuals() -> None:
    op.execute(
        "INSERT INTO period_actuals (run_id, target, period, node, actual_minor, known_on) "
        "SELECT b.run_id, 'orders', b.period, b.node, MAX(b.actual_minor), MAX(r.as_of) "
        "FROM backtests b JOIN runs r ON r.id = b.run_id WHERE b.actual_minor IS NOT NULL "
        "GROUP BY b.run_id, b.period, b.node"
    )


def _copy_scores() -> None:
    """Score the old backtests from their three quantiles; what needs all 21 stays empty."""
    inside = "b.actual_minor >= b.p10_minor AND b.actual_minor <= b.p90_minor"
    below = "CASE WHEN b.actual_minor < b.p10_minor THEN b.p10_minor - b.actual_minor ELSE 0.0 END"
    above = "CASE WHEN b.actual_minor > b.p90_minor THEN b.actual_minor - b.p90_minor ELSE 0.0 END"
    op.execute(
        "INSERT INTO vintage_scores (vintage_id, run_id, known_on, actual_minor, error_minor, "
        "mean_error_minor, inside80, width80_minor, score80_minor) "
        "SELECT v.id, b.run_id, r.as_of, b.actual_minor, b.p50_minor - b.actual_minor, "
        f"b.mean_minor - b.actual_minor, {inside}, b.p90_minor - b.p10_minor, "
        f"b.p90_minor - b.p10_minor + 10.0 * ({below}) + 10.0 * ({above}) "
        "FROM backtests b JOIN runs r ON r.id = b.run_id JOIN vintages v ON v.run_id = b.run_id "
        "AND v.target = 'orders' AND v.period = b.period AND v.origin = b.origin "
        "AND v.node = b.node AND v.leg = b.leg WHERE b.actual_minor IS NOT NULL"
    )
