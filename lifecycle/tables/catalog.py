"""All canonical tables by name."""

from __future__ import annotations

from lifecycle.errors import TableError
from lifecycle.tables import behaviour, customers, pipeline, revenue
from lifecycle.tables.declare import (
    SYSTEM_COLUMNS,
    Column,
    Table,
    code,
    id_column,
    instant,
    text,
)

SUPERSEDED = Table(
    "superseded",
    "system",
    ("table_name", "key"),
    None,
    (
        code("table_name", "The event table.", null=False),
        code("key", "Key of the event; its rows known earlier than known_at are void.", null=False),
    ),
    "Corrections and tombstones: from known_at on, the earlier version of the event is void.",
)

BATCHES = Table(
    "_batches",
    "system",
    ("batch_id",),
    None,
    (
        id_column("batch_id", "Digest of content and mapping."),
        text("source", "Where it came from, without secrets.", null=False),
        instant("arrived_at", "When it came in."),
        text("mapping_digest", "Digest of the mapping file.", null=False),
        text("tables", "JSON: per table the rows added, already known, corrected.", null=False),
        text("known_sources", "JSON: per table the rows by known_source.", null=False),
    ),
    "The list of finished batches, written last: what is not listed is not seen.",
)

FACT_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *customers.TABLES,
        *revenue.TABLES,
        *behaviour.TABLES,
        *pipeline.TABLES,
    )
}
"""Tables that a mapping may fill."""

TABLES: dict[str, Table] = {**FACT_TABLES, SUPERSEDED.name: SUPERSEDED, BATCHES.name: BATCHES}
"""Every lake table."""

ERASABLE_TABLES: dict[str, Table] = {customers.CONTACT_DETAILS.name: customers.CONTACT_DETAILS}
"""Tables that name people; kept outside the lake, which cannot forget."""


def find_table(name: str) -> Table:
    """Return a lake table by name.

    Raises
    ------
    TableError
        There is no such table; the message lists those there are.
    """
    if name not in TABLES:
        known = ", ".join(sorted(FACT_TABLES))
        raise TableError(f"table {name[:60]!r}", f"one of {known}", "correct the table's name")
    return TABLES[name]


def all_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns as stored: the declared ones, then the system columns."""
    return table.columns if table is BATCHES else (*table.columns, *SYSTEM_COLUMNS)
