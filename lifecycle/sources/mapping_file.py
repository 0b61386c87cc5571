"""Reads a mapping file, and refuses what it does not know.

::

    table = "orders"
    timezone = "Europe/London"            # of instants without an offset; default UTC
    currency = "GBP"                      # constant, unless [columns] has currency
    known_at = { event_clock_delay = "1d" }   # or { column = "…" }, or "arrival"
    attributes = ["*"]                    # further columns kept as attributes of the account …
    attributes_exclude = ["notes"]
    keep = { from = "Field", values = ["Amount"] }        # only such rows; a list: all must hold
    deleted = { from = "IsDeleted", values = ["true"] }   # such rows take an event back

    [source]
    format = "csv"                        # csv, jsonl, parquet, sql; default: by the file's ending
    delimiter = ";"
    decimal_comma = true
    null_values = ["", "n/a"]
    query = "select * from orders"        # sql only

    [columns]                             # canonical column = source column
    order_id = "Invoice No"
    amount_minor = { from = "Total", unit = "major" }
    ordered_at = { from = "Date", formats = ["%d/%m/%Y %H:%M"] }
    segment = { from = "Country", values = { "France" = "Europe" }, default = "Rest of world" }
    kind = { value = "sale" }             # or { sign_of = "amount_minor" }
    usage_id = { from = ["account", "metric", "day"] }     # joined with ":"
    owner_id = { from = "Sales agent", as_id = true }      # Ann Lee becomes Ann_Lee
    stage = { from = "New", when = { from = "Field", values = ["Stage"] } }   # only such rows
    closed_at = ["Won on", { from = "Lost on" }]           # the first that gives a value

    [attributes]                          # instead of the two lists above
    columns = ["*"]
    exclude = ["notes"]

    [attributes.known]                    # created, closed or unknown; "*" = all others
    "Days in stage" = "closed"
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping as AnyMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lifecycle.errors import UsageError
from lifecycle.sources.mapping import ATTRIBUTE_ENTITIES, Mapping, RowTest, SourceOptions
from lifecycle.sources.mapping_columns import parse_columns, parse_known_at
from lifecycle.sources.mapping_entries import (
    check_keys,
    read_row_test,
    read_texts,
    read_zone,
    wrong_entry,
)
from lifecycle.tables.catalog import FACT_TABLES
from lifecycle.tables.customers import ATTRIBUTE_KNOWN
from lifecycle.tables.declare import Table

FORMATS = ("csv", "jsonl", "parquet", "sql")
_TOP = {
    "table",
    "timezone",
    "currency",
    "known_at",
    "attributes",
    "attributes_exclude",
    "source",
    "keep",
    "deleted",
}
_SOURCE = {"format", "delimiter", "decimal_comma", "null_values", "query"}
_ATTRIBUTES = {"columns", "exclude", "known"}


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    Raises
    ------
    UsageError
        The file cannot be read, a key is unknown, or a value does not fit; names what and where.
    """
    try:
        content = path.read_bytes()
        document = tomllib.loads(content.decode("utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"no mapping file {path}", todo="correct the path") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"mapping {path}: {error}", "TOML in UTF-8", "correct the file") from error
    try:
        parsed = parse_mapping(document)
    except UsageError as error:
        raise UsageError(f"mapping {path.name}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()[:24]
    return replace(parsed, digest=digest)


def parse_mapping(document: AnyMapping[str, Any]) -> Mapping:
    """Turn a parsed TOML document into a mapping.

    Raises
    ------
    UsageError
        A key is unknown or a value does not fit.
    """
    check_keys(document, {*_TOP, "columns"}, "the top level")
    name = document.get("table")
    if name not in FACT_TABLES:
        raise wrong_entry("table", name, f"one of {', '.join(sorted(FACT_TABLES))}")
    table = FACT_TABLES[name]
    zone = read_zone(document.get("timezone", "UTC"), "timezone")
    columns = parse_columns(document, table, zone)
    known = parse_known_at(document.get("known_at"), table, zone)
    if known.from_event_clock and table.event_clock not in {spec.column.name for spec in columns}:
        raise wrong_entry("known_at", "event_clock_delay", f"{table.event_clock} in [columns]")
    attributes = _attributes(document, table)
    return Mapping(
        table=table,
        columns=columns,
        known_at=known,
        options=_options(document.get("source", {})),
        attributes=tuple(read_texts(attributes, "columns")),
        attributes_exclude=frozenset(read_texts(attributes, "exclude")),
        attributes_known=attributes.get("known", {}),
        zone=zone,
        keep=_keep(document.get("keep", [])),
        deleted=_deleted(document, table),
    )


def _keep(entry: Any) -> tuple[RowTest, ...]:
    tests = entry if isinstance(entry, list) else [entry]
    return tuple(read_row_test(test, "keep") for test in tests)


def _deleted(document: AnyMapping[str, Any], table: Table) -> RowTest | None:
    entry = document.get("deleted")
    if entry is None:
        return None
    if table.kind != "event":
        raise wrong_entry("deleted", entry, "from and values, for a table of events")
    return read_row_test(entry, "deleted")


def _options(entry: Any) -> SourceOptions:
    if not isinstance(entry, dict):
        raise wrong_entry("[source]", entry, "a table")
    check_keys(entry, _SOURCE, "[source]")
    if entry.get("format", "csv") not in FORMATS:
        raise wrong_entry("[source] format", entry["format"], f"one of {', '.join(FORMATS)}")
    delimiter = entry.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise wrong_entry("[source] delimiter", delimiter, "one character")
    defaults = SourceOptions()
    nulls = (
        tuple(read_texts(entry, "null_values")) if "null_values" in entry else defaults.null_values
    )
    return SourceOptions(
        entry.get("format"), delimiter, bool(entry.get("decimal_comma")), nulls, entry.get("query")
    )


def _attributes(document: AnyMapping[str, Any], table: Table) -> dict[str, Any]:
    """Return ``columns``, ``exclude`` and ``known``, from a table or from the shorter lists."""
    given = document.get("attributes", [])
    if isinstance(given, dict):
        check_keys(given, _ATTRIBUTES, "[attributes]")
        if "attributes_exclude" in document:
            raise wrong_entry("attributes_exclude", "beside [attributes]", "exclude in it")
        entry = dict(given)
    else:
        entry = {
            "columns": read_texts(document, "attributes"),
            "exclude": read_texts(document, "attributes_exclude"),
        }
    if entry.get("columns") and table.name not in ATTRIBUTE_ENTITIES:
        raise wrong_entry("attributes", table.name, f"one of {', '.join(ATTRIBUTE_ENTITIES)}")
    _check_known(entry.get("known", {}))
    return entry


def _check_known(entry: Any) -> None:
    if not isinstance(entry, dict):
        raise wrong_entry("[attributes.known]", entry, "a table of attributes")
    for name, known in entry.items():
        if known not in ATTRIBUTE_KNOWN:
            place = f"[attributes.known] {name}"
            raise wrong_entry(place, known, f"one of {', '.join(ATTRIBUTE_KNOWN)}")
