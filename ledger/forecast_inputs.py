"""What forecasts rest on, as bytes: to simulate again without the lake, and to tell what moved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, insert, select

from ledger.engine import Ledger
from ledger.gap_tables import forecast_inputs, forecast_items, input_contents
from ledger.rows import write_rows
from ledger.tables import publications, runs
from lifecycle.errors import NoForecastError


@dataclass(frozen=True)
class Packed:
    """Bytes of one forecast: its simulation's inputs, or its items.

    Attributes
    ----------
    target, period, origin
        Whose, of which quarter, as of which day.
    content
        What its maker wrote; the ledger does not look inside.
    """

    target: str
    period: str
    origin: date
    content: bytes


@dataclass(frozen=True)
class StoredInputs:
    """Inputs of the newest published run that has them, and their SHA-256 (hex)."""

    run_id: int
    digest: str
    packed: Packed


def write_inputs(ledger: Ledger, run_id: int, rows: Iterable[Packed]) -> int:
    """Append simulation inputs to an open run; equal contents are kept once; return how many.

    Raises
    ------
    ConflictError
        A target, period and origin occurs twice, or the run is closed.
    """
    count = 0
    for row in rows:
        digest = hashlib.sha256(row.content).hexdigest()
        with ledger.writing() as connection:
            _keep_content(connection, digest, row)
            connection.execute(insert(forecast_inputs), {**_named(row, run_id), "digest": digest})
        count += 1
    return count


def read_inputs(ledger: Ledger, target: str, period: str) -> StoredInputs:
    """Return the newest published inputs of a target and quarter.

    Raises
    ------
    NoForecastError
        None were stored, or their content was dropped since.
    """
    table = forecast_inputs
    query = (
        select(table.c.run_id, table.c.origin, table.c.digest, input_contents.c.content)
        .outerjoin(input_contents, input_contents.c.digest == table.c.digest)
        .where(table.c.target == target, table.c.period == period)
    )
    with ledger.reading() as connection:
        found = connection.execute(_newest(query, table)).first()
    if found is None or found.content is None:
        raise NoForecastError(
            f"no simulation inputs of {target} {period}",
            "a forecast of that target and quarter made by `truecast refresh`",
            "run `truecast refresh`, then again",
        )
    return StoredInputs(
        found.run_id, found.digest, Packed(target, period, found.origin, found.content)
    )


def drop_contents(ledger: Ledger, before: date) -> int:
    """Drop contents that no forecast since a day rests on; return how many.

    A scenario can then not be run again on those; what it said is kept.
    """
    used = select(forecast_inputs.c.digest).where(forecast_inputs.c.origin >= before)
    query = delete(input_contents).where(
        input_contents.c.kept_on < before, input_contents.c.digest.not_in(used)
    )
    with ledger.writing() as connection:
        return int(connection.execute(query).rowcount)


def write_items(ledger: Ledger, run_id: int, rows: Iterable[Packed]) -> int:
    """Append the items of forecasts to an open run; return how many.

    Raises
    ------
    ConflictError
        A target, period and origin occurs twice, or the run is closed.
    """
    named = ({**_named(row, run_id), "content": row.content} for row in rows)
    return write_rows(ledger, forecast_items, named)


def read_items(ledger: Ledger, target: str, period: str, *, origin: date) -> Packed:
    """Return the items of the newest published forecast with that origin.

    Raises
    ------
    NoForecastError
        No forecast was issued as of that day; the answer names the days that have one.
    """
    table = forecast_items
    query = select(table.c.content).where(
        table.c.target == target, table.c.period == period, table.c.origin == origin
    )
    with ledger.reading() as connection:
        found = connection.execute(_newest(query, table)).first()
    if found is None:
        days = [str(day) for day in read_item_origins(ledger, target, period)]
        raise NoForecastError(
            f"no forecast of {target} {period} as of {origin}",
            f"one of {', '.join(days[:8])}" if days else "a forecast made by `truecast refresh`",
            "ask for a day on which it was forecast",
        )
    return Packed(target, period, origin, found.content)


def read_item_origins(ledger: Ledger, target: str, period: str) -> list[date]:
    """Return the days as of which a quarter was forecast, newest first."""
    table = forecast_items
    query = (
        select(table.c.origin)
        .join(publications, publications.c.run_id == table.c.run_id)
        .where(table.c.target == target, table.c.period == period)
        .distinct()
        .order_by(table.c.origin.desc())
    )
    with ledger.reading() as connection:
        return list(connection.scalars(query))


def _named(row: Packed, run_id: int) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "target": row.target,
        "period": row.period,
        "origin": row.origin,
    }


def _keep_content(connection: Connection, digest: str, row: Packed) -> None:
    held = select(func.count()).where(input_contents.c.digest == digest)
    if not connection.scalar(held):
        values = {"digest": digest, "content": row.content, "kept_on": row.origin}
        connection.execute(insert(input_contents), values)


def _newest(query: Select[Any], table: Table) -> Select[Any]:
    """Keep the row of the newest published forecast; a backtest's is no served one."""
    return (
        query.join(publications, publications.c.run_id == table.c.run_id)
        .join(runs, runs.c.id == table.c.run_id)
        .where(runs.c.kind == "forecast")
        .order_by(publications.c.id.desc())
        .limit(1)
    )
