"""The ledger's tables of what a forecast rests on, of its gap to targets, and of scenarios.

Inputs are kept once by digest: targets that one simulation answers share them. Old contents may be
dropped (`ledger.forecast_inputs.drop_contents`); that they were used stays on record.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from ledger.declare import document, id_column, instant, metadata, run_column, text

KEY = ("run_id", "target", "period", "origin")


def _forecast() -> list[Column[str] | Column[int]]:
    """Columns that name one forecast of a run."""
    return [id_column(), run_column(), text("target", 16), text("period", 8)]


def _origin() -> Column[object]:
    return Column("origin", Date, nullable=False)


input_contents = Table(
    "input_contents",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("kept_on", Date, nullable=False),
)

forecast_inputs = Table(
    "forecast_inputs",
    metadata,
    *_forecast(),
    _origin(),
    text("digest"),
    UniqueConstraint(*KEY),
    Index(None, "target", "period", "run_id"),
)

forecast_items = Table(
    "forecast_items",
    metadata,
    *_forecast(),
    _origin(),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint(*KEY),
    Index(None, "target", "period", "origin"),
)

gaps = Table(
    "gaps",
    metadata,
    *_forecast(),
    _origin(),
    document("answer"),
    UniqueConstraint(*KEY),
    Index(None, "target", "period", "run_id"),
)

scenarios = Table(
    "scenarios",
    metadata,
    id_column(),
    text("name", 100),
    text("target", 16),
    text("period", 8),
    text("rationale", 2000),
    text("author", 100),
    document("change"),
    instant("created_at"),
    UniqueConstraint("name"),
)

scenario_runs = Table(
    "scenario_runs",
    metadata,
    id_column(),
    Column("scenario_id", Integer, ForeignKey("scenarios.id"), nullable=False),
    Column("forecast_run_id", Integer, ForeignKey("runs.id"), nullable=False),
    _origin(),
    text("digest"),
    instant("computed_at"),
    document("result"),
    UniqueConstraint("scenario_id", "forecast_run_id"),
)
