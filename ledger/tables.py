"""The ledger's tables: what was released, said and proven, and who may ask.

Money is a float in minor units (an expectation need not be whole) beside its ISO 4217 ``currency``.
Rows of a run carry its ``run_id`` and are seen only once ``publications`` lists the run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

APPEND_ONLY = (
    "releases",
    "promotions",
    "runs",
    "publications",
    "run_models",
    "scores",
    "forecasts",
    "backtests",
)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on the way in, UTC on the way out."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn an aware instant into naive UTC.

        Raises
        ------
        ValueError
            The instant has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"instant {value.isoformat()} has no time zone; expected UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the stored instant its zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _run() -> Column[int]:
    return Column("run_id", Integer, ForeignKey("runs.id"), nullable=False)


def _text(name: str, length: int = 64) -> Column[str]:
    return Column(name, String(length), nullable=False)


def _amount(name: str, nullable: bool = False) -> Column[float]:
    return Column(name, Float, nullable=nullable)


def _document(name: str, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _instant(name: str, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=nullable)


releases = Table(
    "releases",
    metadata,
    _id(),
    _text("model"),
    Column("horizon_days", Integer, nullable=False),
    _text("route"),
    _text("candidate", 128),
    _text("version", 128),
    _text("digest"),
    Column("as_of", Date, nullable=False),
    _instant("created_at"),
    _document("metrics"),
    _document("card"),
    Column("mlflow_run_id", String(64)),
    Index(None, "model", "horizon_days", "version"),
    sqlite_autoincrement=True,
)

promotions = Table(
    "promotions",
    metadata,
    _id(),
    _text("model"),
    Column("horizon_days", Integer, nullable=False),
    Column("release_id", Integer, ForeignKey("releases.id"), nullable=False),
    _instant("promoted_at"),
    _text("reason", 500),
    Index(None, "model", "horizon_days"),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    _id(),
    _text("kind", 16),
    Column("as_of", Date, nullable=False),
    _instant("data_as_of"),
    _instant("started_at"),
    _document("note"),
    sqlite_autoincrement=True,
)

publications = Table(
    "publications",
    metadata,
    _id(),
    _run(),
    _instant("published_at"),
    UniqueConstraint("run_id"),
    sqlite_autoincrement=True,
)

current_runs = Table("current_runs", metadata, Column("kind", String(16), primary_key=True), _run())

run_models = Table(
    "run_models",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("horizon_days", Integer, primary_key=True),
    Column("release_id", Integer, ForeignKey("releases.id"), primary_key=True),
)

scores = Table(
    "scores",
    metadata,
    _id(),
    _run(),
    _text("account_id"),
    _text("model"),
    Column("horizon_days", Integer, nullable=False),
    Column("release_id", Integer, ForeignKey("releases.id"), nullable=False),
    _text("route"),
    _amount("value"),
    _text("unit", 16),
    Column("currency", String(3)),
    Column("rank", Integer, nullable=False),
    _text("band", 16),
    _document("reasons"),
    _document("features", nullable=True),
    UniqueConstraint("run_id", "model", "horizon_days", "account_id"),
    Index(None, "account_id", "run_id"),
)

at_risk = Table(
    "at_risk",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True),
    Column("account_id", String(64), primary_key=True),
    Column("name", String(200)),
    Column("segment", String(64)),
    Column("country", String(64)),
    Column("owner_id", String(64)),
    _text("route"),
    _text("status", 16),
    _amount("risk"),
    _text("band", 16),
    _amount("value_if_kept_minor"),
    _amount("expected_loss_minor"),
    _text("currency", 3),
    Column("rank", Integer, nullable=False),
    Column("recency_days", Float, nullable=False),
    Column("last_order_on", Date),
    _document("reasons"),
    Index(None, "run_id", "expected_loss_minor", "account_id"),
    Index(None, "run_id", "risk", "account_id"),
)


def _distribution() -> list[Column[Any]]:
    """Columns of one issued distribution: whose, from when, which leg, and its spread."""
    return [
        _text("period", 8),
        Column("origin", Date, nullable=False),
        Column("week", Integer, nullable=False),
        _text("node", 128),
        _text("leg"),
        _amount("p10_minor"),
        _amount("p50_minor"),
        _amount("p90_minor"),
        _amount("mean_minor"),
        _text("currency", 3),
    ]


forecasts = Table(
    "forecasts",
    metadata,
    _id(),
    _run(),
    *_distribution(),
    Column("served", Boolean, nullable=False),
    _document("parts", nullable=True),
    _amount("actual_to_date_minor", nullable=True),
    _document("method"),
    UniqueConstraint("run_id", "period", "node", "leg"),
    Index(None, "period", "run_id"),
)

backtests = Table(
    "backtests",
    metadata,
    _id(),
    _run(),
    *_distribution(),
    _amount("actual_minor", nullable=True),
    UniqueConstraint("run_id", "period", "origin", "node", "leg"),
    Index(None, "run_id", "node", "leg", "week"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(8), primary_key=True),
    _text("secret_hash"),
    _text("role", 32),
    _document("scopes"),
    _text("label", 100),
    _text("created_by", 100),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("revoked_at", nullable=True),
)
