"""Canonical tables as Arrow schemas; apart from the declarations, which the web process reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from lifecycle.tables.catalog import all_columns
from lifecycle.tables.declare import ColumnType, Table

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(table: Table) -> pa.Schema:
    """Return the schema of a table as stored, system columns last.

    Examples
    --------
    >>> from lifecycle.tables.catalog import find_table
    >>> arrow_schema(find_table("account_merges")).names[3:]
    ['merged_at', 'known_at', 'known_source', 'batch_id']
    """
    return pa.schema(
        [
            pa.field(column.name, ARROW_TYPES[column.type], nullable=column.null)
            for column in all_columns(table)
        ]
    )


def let_columns_be_absent(delta: Any, schema: pa.Schema) -> None:
    """Let a stored Delta table's column be absent where a later declaration lets it."""
    stored = {field.name: field.nullable for field in delta.schema().fields}
    for field in schema:
        if field.nullable and not stored.get(field.name, True):
            delta.alter.drop_column_not_null(field.name)
