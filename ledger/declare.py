"""How the ledger's tables are declared: instants in UTC, and the columns they have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
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


def id_column() -> Column[int]:
    """Return the row's own number, the key of an append-only table."""
    return Column("id", Integer, primary_key=True, autoincrement=True)


def run_column() -> Column[int]:
    """Return the run that a row belongs to."""
    return Column("run_id", Integer, ForeignKey("runs.id"), nullable=False)


def text(name: str, length: int = 64) -> Column[str]:
    """Return a short text that is always there."""
    return Column(name, String(length), nullable=False)


def amount(name: str, nullable: bool = False) -> Column[float]:
    """Return a number: money in minor units, or a share."""
    return Column(name, Float, nullable=nullable)


def document(name: str, nullable: bool = False) -> Column[str]:
    """Return a JSON document kept as text."""
    return Column(name, Text, nullable=nullable)


def instant(name: str, nullable: bool = False) -> Column[datetime]:
    """Return an instant (UTC)."""
    return Column(name, UtcDateTime, nullable=nullable)
