"""A small lake in five lines, for any test.

>>> lake = build_lake(tmp_path, orders=[
...     order(account="a1", day=date(2011, 1, 5), amount_minor=1200),
...     order(account="a1", day=date(2011, 3, 1), amount_minor=900, known=date(2011, 4, 1)),
...     order(account=None, day=date(2011, 3, 2)),
... ])

Everything is deterministic: ids are ``o1``, ``o2``, … in the order given (``b2-o1``, … in a
batch called ``b2``), orders are placed at noon UTC and known at the same instant unless ``known``
says otherwise. `build_lake` may be called again on the same folder with another ``batch``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa

from lifecycle.batches import BatchHeader
from lifecycle.lake import Lake
from lifecycle.staging import conform
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import find_table

Row = dict[str, Any]
ARRIVED = datetime(2020, 1, 1, tzinfo=UTC)


def noon(day: date | datetime) -> datetime:
    """A day's noon in UTC; an instant stays what it is."""
    return day if isinstance(day, datetime) else datetime.combine(day, time(12), tzinfo=UTC)


def order(account: str | None = "a1", day: date | datetime = date(2011, 1, 5), **other: Any) -> Row:
    """One order; ``known`` (day or instant) and any column of `orders` may be given."""
    amount = other.setdefault("amount_minor", 1000)
    other.setdefault("kind", "sale" if amount > 0 else "credit" if amount < 0 else "adjustment")
    defaults = {"currency": "GBP", "units_count": 1.0, "lines_count": 1, "products_count": 1}
    return {**defaults, **_fact({"account_id": account, "ordered_at": noon(day), **other}, day)}


def account(account_id: str = "a1", day: date | datetime = date(2011, 1, 1), **other: Any) -> Row:
    """One version of an account, known from ``day`` on."""
    return _fact({"account_id": account_id, **other}, day)


def fact(day: date | datetime, **columns: Any) -> Row:
    """A row of any table, known from ``day`` on."""
    return _fact(dict(columns), day)


def _fact(row: Row, day: date | datetime) -> Row:
    row["known_at"] = noon(row.pop("known", day))
    row.setdefault("known_source", "recorded")
    return row


def build_lake(folder: Path, *, batch: str = "b1", **tables: Sequence[Mapping[str, Any]]) -> Lake:
    """Append one batch to the lake in ``folder/lake``; orders without an id get o1, o2, …"""
    lake = Lake(folder / "lake")
    prefix = "" if batch == "b1" else f"{batch}-"
    numbered = {name: _number(name, rows, prefix) for name, rows in tables.items()}
    readers = {name: reader(name, rows) for name, rows in numbered.items() if rows}
    lake.append(BatchHeader(batch, "builders", ARRIVED), readers)
    return lake


def _number(table: str, rows: Sequence[Mapping[str, Any]], prefix: str) -> list[Row]:
    if table != "orders":
        return [dict(row) for row in rows]
    return [{"order_id": f"{prefix}o{place}", **row} for place, row in enumerate(rows, start=1)]


def reader(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatchReader:
    """Rows as the reader that `Lake.append` takes."""
    schema = arrow_schema(find_table(table))
    filled = [{"batch_id": "", **row} for row in rows]
    unknown = {name for row in filled for name in row} - set(schema.names)
    if unknown:
        raise KeyError(f"{table} has no column {sorted(unknown)}")
    batch = conform(
        pa.RecordBatch.from_pylist(filled, schema=schema), find_table(table), batch_id=""
    )
    return pa.RecordBatchReader.from_batches(schema, [batch])
