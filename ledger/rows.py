"""Writing many rows of a run: in chunks, each committed by itself, finite numbers only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from ledger.engine import Ledger
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import RowsError

CHUNK_COUNT = 2_000


def write_rows(
    ledger: Ledger,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    beside: Callable[[Connection, list[Mapping[str, Any]]], None] | None = None,
) -> int:
    """Append rows chunk by chunk and return how many.

    Parameters
    ----------
    beside
        Called in each chunk's transaction, to keep a summary of it.

    Raises
    ------
    ConflictError
        A key occurs twice in the run, or the run was published already.
    RowsError
        A number is NaN or infinite.
    """
    written = 0
    for chunk in _chunks(rows):
        with ledger.writing() as connection:
            insert_rows(connection, table, chunk)
            if beside is not None:
                beside(connection, chunk)
        crashpoint("run.rows")
        written += len(chunk)
    return written


def insert_rows(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows in the caller's transaction; none are no error.

    Raises
    ------
    RowsError
        A number is NaN or infinite.
    """
    plain = [_plain(table.name, row) for row in rows]
    if plain:
        connection.execute(insert(table), plain)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append the rows whose key is not there yet, in the caller's transaction."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def _chunks(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    source = iter(rows)
    while chunk := list(islice(source, CHUNK_COUNT)):
        yield chunk


def _plain(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Turn array scalars into plain numbers: the driver would keep an int64 as raw bytes."""
    values = {
        name: item() if (item := getattr(value, "item", None)) else value
        for name, value in row.items()
    }
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            names = ("opportunity_id", "account_id", "owner_id", "node")
            owner = next((row[name] for name in names if row.get(name)), "a row")
            raise RowsError(
                f"{table}.{name} of {owner} is {value}", "a finite number", "correct the model"
            )
    return values
