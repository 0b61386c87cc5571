"""Reads a mapping file, and refuses what it does not know.

::

    table = "orders"
    timezone = "Europe/London"            # of instants without an offset; default UTC
    currency = "GBP"                      # constant, unless [columns] has currency
    known_at = { event_clock_delay = "1d" }   # or { column = "…" }, or "arrival"
    attributes = ["*"]                    # further columns kept as attributes of the account …
    attributes_exclude = ["notes"]
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
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping as AnyMapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.currencies import MINOR_DIGITS
from lifecycle.errors import UsageError
from lifecycle.sources.mapping import (
    ATTRIBUTE_ENTITIES,
    ColumnSpec,
    Deleted,
    KnownAt,
    Mapping,
    SourceOptions,
)
from lifecycle.tables.catalog import FACT_TABLES
from lifecycle.tables.declare import Column, Table

FORMATS = ("csv", "jsonl", "parquet", "sql")
_DELAY = re.compile(r"^(\d{1,4})(d|h|m)$")
_TOP = {
    "table",
    "timezone",
    "currency",
    "known_at",
    "attributes",
    "attributes_exclude",
    "source",
    "deleted",
}
_SOURCE = {"format", "delimiter", "decimal_comma", "null_values", "query"}
_COLUMN = {"from", "value", "unit", "formats", "timezone", "values", "default", "sign_of"}
_KNOWN = {"column", "event_clock_delay", "delay", "assumed", "formats"}


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
    _only(document, {*_TOP, "columns"}, "the top level")
    name = document.get("table")
    if name not in FACT_TABLES:
        raise _wrong("table", name, f"one of {', '.join(sorted(FACT_TABLES))}")
    table = FACT_TABLES[name]
    zone = _zone(document.get("timezone", "UTC"), "timezone")
    columns = _columns(document, table, zone)
    known = _known_at(document.get("known_at"), table, zone)
    if known.from_event_clock and table.event_clock not in {spec.column.name for spec in columns}:
        raise _wrong("known_at", "event_clock_delay", f"{table.event_clock} in [columns]")
    return Mapping(
        table=table,
        columns=columns,
        known_at=known,
        options=_options(document.get("source", {})),
        attributes=_attributes(document, table),
        attributes_exclude=frozenset(_texts(document, "attributes_exclude")),
        zone=zone,
        deleted=_deleted(document, table),
    )


def _deleted(document: AnyMapping[str, Any], table: Table) -> Deleted | None:
    entry = document.get("deleted")
    if entry is None:
        return None
    if table.kind != "event" or not isinstance(entry, dict) or set(entry) != {"from", "values"}:
        raise _wrong("deleted", entry, "from and values, for a table of events")
    return Deleted(str(entry["from"]), tuple(_texts(entry, "values")))


def _columns(
    document: AnyMapping[str, Any], table: Table, zone: ZoneInfo
) -> tuple[ColumnSpec, ...]:
    given = dict(document.get("columns", {}))
    if "currency" in document:
        if "currency" in given or "currency" not in table.names:
            raise _wrong("currency", document["currency"], "in [columns] or above them, not both")
        given["currency"] = {"value": _currency(str(document["currency"]))}
    _only(given, set(table.names), "[columns]")
    missing = [
        column.name for column in table.columns if not column.null and column.name not in given
    ]
    if missing:
        raise _wrong("[columns]", f"no {missing[0]}", f"every required column of {table.name}")
    return tuple(_column(table.column(name), entry, zone) for name, entry in given.items())


def _currency(code: str) -> str:
    if code not in MINOR_DIGITS:
        raise _wrong("currency", code, "an ISO 4217 code such as EUR")
    return code


def _column(column: Column, entry: Any, zone: ZoneInfo) -> ColumnSpec:
    place = f"[columns] {column.name}"
    if isinstance(entry, str):
        entry = {"from": entry}
    ways = [way for way in ("from", "value", "sign_of") if isinstance(entry, dict) and way in entry]
    if len(ways) != 1:
        raise _wrong(place, entry, "a source column, or a table with from, value or sign_of")
    _only(entry, _COLUMN, place)
    unit = entry.get("unit", "minor")
    if unit not in {"major", "minor"} or ("unit" in entry and column.unit != "minor"):
        raise _wrong(f"{place} unit", unit, "major or minor, on a money column")
    source = entry.get("from", [])
    values = entry.get("values")
    return ColumnSpec(
        column,
        sources=(source,) if isinstance(source, str) else tuple(source),
        value=None if "value" not in entry else str(entry["value"]),
        is_major=unit == "major",
        formats=tuple(_texts(entry, "formats")),
        zone=_zone(entry["timezone"], place) if "timezone" in entry else zone,
        values=None if values is None else {str(key): str(to) for key, to in values.items()},
        default=None if "default" not in entry else str(entry["default"]),
        sign_of=_sign_of(column, entry, place),
    )


def _sign_of(column: Column, entry: AnyMapping[str, Any], place: str) -> str | None:
    if "sign_of" not in entry:
        return None
    if "adjustment" not in column.allowed or entry["sign_of"] != "amount_minor":
        raise _wrong(place, f"sign_of {entry['sign_of']}", "kind of orders, of amount_minor")
    return "amount_minor"


def _known_at(entry: Any, table: Table, zone: ZoneInfo) -> KnownAt:
    if entry == "arrival":
        return KnownAt()
    expected = '"arrival", { column = "…" } or { event_clock_delay = "1d" }'
    if not isinstance(entry, dict) or ("column" in entry) == ("event_clock_delay" in entry):
        raise _wrong("known_at", entry, expected)
    _only(entry, _KNOWN, "known_at")
    if "event_clock_delay" in entry:
        if table.event_clock is None:
            raise _wrong("known_at event_clock_delay", table.name, "a table with an event clock")
        delay = _delay(entry["event_clock_delay"])
        return KnownAt(from_event_clock=True, delay=delay, known_source="assumed")
    spec = ColumnSpec(
        table.column("known_at"),
        sources=(str(entry["column"]),),
        formats=tuple(_texts(entry, "formats")),
        zone=zone,
    )
    delay = _delay(entry.get("delay", "0d"))
    source = "assumed" if entry.get("assumed") or delay else "recorded"
    return KnownAt(spec=spec, delay=delay, known_source=source)


def _options(entry: Any) -> SourceOptions:
    if not isinstance(entry, dict):
        raise _wrong("[source]", entry, "a table")
    _only(entry, _SOURCE, "[source]")
    if entry.get("format", "csv") not in FORMATS:
        raise _wrong("[source] format", entry["format"], f"one of {', '.join(FORMATS)}")
    delimiter = entry.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise _wrong("[source] delimiter", delimiter, "one character")
    defaults = SourceOptions()
    nulls = tuple(_texts(entry, "null_values")) if "null_values" in entry else defaults.null_values
    return SourceOptions(
        entry.get("format"), delimiter, bool(entry.get("decimal_comma")), nulls, entry.get("query")
    )


def _attributes(document: AnyMapping[str, Any], table: Table) -> tuple[str, ...]:
    names = tuple(_texts(document, "attributes"))
    if names and table.name not in ATTRIBUTE_ENTITIES:
        raise _wrong("attributes", table.name, f"one of {', '.join(ATTRIBUTE_ENTITIES)}")
    return names


def _texts(entry: AnyMapping[str, Any], key: str) -> list[str]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(key, value, "a list of texts")
    return value


def _delay(text: Any) -> timedelta:
    match = _DELAY.match(str(text))
    if match is None:
        raise _wrong("delay", text, "a number and d, h or m, such as 1d")
    unit = {"d": "days", "h": "hours", "m": "minutes"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def _zone(name: Any, place: str) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError) as error:
        raise _wrong(place, name, "an IANA time zone such as Europe/London") from error


def _only(entry: AnyMapping[str, Any], allowed: set[str], place: str) -> None:
    for key in entry:
        if key not in allowed:
            raise _wrong(place, f"key {key!r}", f"one of {', '.join(sorted(allowed))}")


def _wrong(place: str, found: Any, expected: str) -> UsageError:
    return UsageError(f"{place}: {str(found)[:80]}", expected, "correct the mapping")
