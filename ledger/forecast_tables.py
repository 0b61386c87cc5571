"""The ledger's tables of forecasts: what was said of a quarter, by whom, and what came of it.

Served forecasts and backtests share them: a run's kind tells which it was. Money is a float in
minor units; quantiles are whole. Nothing is stored of a target's hit: it follows from the actual.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from ledger.declare import amount, document, id_column, metadata, run_column, text

TARGETS = ("bookings", "renewals", "revenue", "ending_arr", "orders")
"""What is forecast, each for itself; never added to one another."""


def _period() -> list[Column[str]]:
    return [text("target", 16), text("period", 8)]


def _origin() -> list[Column[object]]:
    return [Column("origin", Date, nullable=False), Column("week", Integer, nullable=False)]


forecast_books = Table(
    "forecast_books",
    metadata,
    id_column(),
    run_column(),
    *_period(),
    *_origin(),
    text("served_leg"),
    text("verdict", 2000),
    document("weights"),
    document("notes"),
    text("model_version", 200),
    text("data_hash"),
    text("currency", 3),
    Column("judged_quarters", Integer, nullable=False),
    UniqueConstraint("run_id", "target", "period", "origin"),
    Index(None, "target", "period", "origin"),
)

vintages = Table(
    "vintages",
    metadata,
    id_column(),
    run_column(),
    *_period(),
    *_origin(),
    text("node", 160),
    text("leg"),
    Column("served", Boolean, nullable=False),
    amount("mean_minor"),
    amount("p10_minor"),
    amount("p50_minor"),
    amount("p90_minor"),
    document("quantiles", nullable=True),
    amount("to_date_minor", nullable=True),
    document("parts", nullable=True),
    text("currency", 3),
    UniqueConstraint("run_id", "target", "period", "origin", "node", "leg"),
    Index(None, "target", "node", "leg", "run_id", "period"),
)

period_actuals = Table(
    "period_actuals",
    metadata,
    id_column(),
    run_column(),
    *_period(),
    text("node", 160),
    amount("actual_minor"),
    Column("known_on", Date, nullable=False),
    UniqueConstraint("run_id", "target", "period", "node"),
    Index(None, "target", "node", "period"),
)

vintage_scores = Table(
    "vintage_scores",
    metadata,
    Column("vintage_id", Integer, ForeignKey("vintages.id"), primary_key=True),
    run_column(),
    Column("known_on", Date, nullable=False),
    amount("actual_minor"),
    amount("error_minor"),
    amount("mean_error_minor"),
    amount("crps_minor", nullable=True),
    amount("pinball_minor", nullable=True),
    amount("pit", nullable=True),
    Column("inside50", Boolean),
    Column("inside80", Boolean, nullable=False),
    Column("inside95", Boolean),
    amount("width80_minor"),
    amount("score80_minor"),
    amount("to_date_share", nullable=True),
)

target_chances = Table(
    "target_chances",
    metadata,
    id_column(),
    run_column(),
    *_period(),
    *_origin(),
    text("node", 160),
    Column("target_id", String(64), nullable=False),
    amount("target_minor"),
    amount("p_hit"),
    UniqueConstraint("run_id", "target", "period", "origin", "node", "target_id"),
)
