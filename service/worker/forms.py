"""Rows as a file's bytes: NDJSON, CSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.cells import guard_cell

MEDIA = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
CHUNK_BYTES = 65_536

Row = Mapping[str, Any]


def write_form(
    form: str,
    rows: Iterable[Row],
    *,
    names: Collection[str],
    nested: Collection[str] = (),
    schema: pa.Schema | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of a file.

    Parameters
    ----------
    form
        One of `MEDIA`.
    names
        The rows' members, in order.
    nested
        Those that hold lists or mappings: a cell of a table holds them as JSON text, and nothing
        where there is none.
    schema
        Arrow types of a Parquet file's columns; found from the values if left out.
    """
    if form == "ndjson":
        return _ndjson(rows)
    flat = (_flatten(row, nested) for row in rows)
    return _csv(flat, list(names)) if form == "csv" else _parquet(flat, nested, schema)


def _ndjson(rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(row, default=str, allow_nan=False, ensure_ascii=False).encode() + b"\n"


def _csv(rows: Iterable[Row], names: list[str]) -> Iterator[bytes]:
    held = io.StringIO(newline="")
    writer = csv.DictWriter(held, fieldnames=names)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: guard_cell(value) for name, value in row.items()})
        if held.tell() > CHUNK_BYTES:
            yield held.getvalue().encode()
            held.seek(0)
            held.truncate()
    yield held.getvalue().encode()


def _parquet(
    rows: Iterable[Row], nested: Collection[str], schema: pa.Schema | None
) -> Iterator[bytes]:
    table = pa.Table.from_pylist(list(rows), schema=schema)
    # of a column without any value no type is found
    kinds = [one.with_type(pa.string()) if one.name in nested else one for one in table.schema]
    held = pa.BufferOutputStream()
    pq.write_table(table.cast(pa.schema(kinds)), held)
    yield held.getvalue().to_pybytes()


def _flatten(row: Row, nested: Collection[str]) -> dict[str, Any]:
    return {name: _write(value) if name in nested else value for name, value in row.items()}


def _write(value: Any) -> str | None:
    return None if value is None else json.dumps(value, default=str, ensure_ascii=False)
