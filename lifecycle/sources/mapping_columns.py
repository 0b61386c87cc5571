"""The part of a mapping file that says how columns are filled, and when a row was known."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Any
from zoneinfo import ZoneInfo

from lifecycle.currencies import MINOR_DIGITS
from lifecycle.sources.mapping import ColumnSpec, KnownAt
from lifecycle.sources.mapping_entries import (
    check_keys,
    read_delay,
    read_row_test,
    read_sources,
    read_texts,
    read_zone,
    wrong_entry,
)
from lifecycle.tables.declare import Column, Table

_COLUMN = {
    "from",
    "value",
    "unit",
    "formats",
    "timezone",
    "values",
    "default",
    "sign_of",
    "when",
    "as_id",
}
_KNOWN = {"column", "value", "event_clock_delay", "delay", "assumed", "formats"}
_WAYS = ("column", "value", "event_clock_delay")


def parse_columns(
    document: AnyMapping[str, Any], table: Table, zone: ZoneInfo
) -> tuple[ColumnSpec, ...]:
    """Read ``[columns]``; a column with several ways to fill it comes several times, in order.

    Raises
    ------
    UsageError
        A column is unknown, a required one is absent, or a value does not fit.
    """
    given = dict(document.get("columns", {}))
    if "currency" in document:
        if "currency" in given or "currency" not in table.names:
            expected = "in [columns] or above them, not both"
            raise wrong_entry("currency", document["currency"], expected)
        given["currency"] = {"value": _currency(str(document["currency"]))}
    check_keys(given, set(table.names), "[columns]")
    missing = [
        column.name for column in table.columns if not column.null and column.name not in given
    ]
    if missing:
        expected = f"every required column of {table.name}"
        raise wrong_entry("[columns]", f"no {missing[0]}", expected)
    specs = tuple(_specs(given, table, zone))
    if any(spec.is_major for spec in specs) and "currency" not in given:
        expected = "currency above [columns] or in them, as money needs its digits"
        raise wrong_entry("unit", "major", expected)
    return specs


def parse_known_at(entry: Any, table: Table, zone: ZoneInfo) -> KnownAt:
    """Read ``known_at``.

    Raises
    ------
    UsageError
        It is neither arrival nor one of the ways to say when a row was known.
    """
    if entry == "arrival":
        return KnownAt()
    if not isinstance(entry, dict) or sum(way in entry for way in _WAYS) != 1:
        expected = '"arrival", { column = "…" }, { event_clock_delay = "1d" } or { value = "…" }'
        raise wrong_entry("known_at", entry, expected)
    check_keys(entry, _KNOWN, "known_at")
    if "event_clock_delay" in entry:
        if table.event_clock is None:
            raise wrong_entry(
                "known_at event_clock_delay", table.name, "a table with an event clock"
            )
        delay = read_delay(entry["event_clock_delay"])
        return KnownAt(from_event_clock=True, delay=delay, known_source="assumed")
    is_fixed = "value" in entry
    spec = ColumnSpec(
        table.column("known_at"),
        sources=() if is_fixed else (str(entry["column"]),),
        value=str(entry["value"]) if is_fixed else None,
        formats=tuple(read_texts(entry, "formats")),
        zone=zone,
    )
    delay = read_delay(entry.get("delay", "0d"))
    source = "assumed" if entry.get("assumed") or delay or is_fixed else "recorded"
    return KnownAt(spec=spec, delay=delay, known_source=source)


def _specs(given: AnyMapping[str, Any], table: Table, zone: ZoneInfo) -> Iterator[ColumnSpec]:
    for name, entry in given.items():
        if entry == []:
            raise wrong_entry(f"[columns] {name}", entry, "at least one way to fill it")
        for way in entry if isinstance(entry, list) else [entry]:
            yield _column(table.column(name), way, zone)


def _currency(code: str) -> str:
    if code not in MINOR_DIGITS:
        raise wrong_entry("currency", code, "an ISO 4217 code such as EUR")
    return code


def _column(column: Column, entry: Any, zone: ZoneInfo) -> ColumnSpec:
    place = f"[columns] {column.name}"
    if isinstance(entry, str):
        entry = {"from": entry}
    ways = [way for way in ("from", "value", "sign_of") if isinstance(entry, dict) and way in entry]
    if len(ways) != 1:
        expected = "a source column, or a table with from, value or sign_of"
        raise wrong_entry(place, entry, expected)
    check_keys(entry, _COLUMN, place)
    _check_fit(column, entry, place)
    values = entry.get("values")
    return ColumnSpec(
        column,
        sources=read_sources(entry["from"], place) if "from" in entry else (),
        value=None if "value" not in entry else str(entry["value"]),
        is_major=entry.get("unit") == "major",
        formats=tuple(read_texts(entry, "formats")),
        zone=read_zone(entry["timezone"], place) if "timezone" in entry else zone,
        values=None if values is None else {str(key): str(to) for key, to in values.items()},
        default=None if "default" not in entry else str(entry["default"]),
        sign_of=entry.get("sign_of"),
        when=read_row_test(entry["when"], f"{place} when") if "when" in entry else None,
        as_id=bool(entry.get("as_id")),
    )


def _check_fit(column: Column, entry: AnyMapping[str, Any], place: str) -> None:
    """Refuse what is said of a column of another kind."""
    unit = entry.get("unit", "minor")
    if unit not in {"major", "minor"} or ("unit" in entry and column.unit != "minor"):
        raise wrong_entry(f"{place} unit", unit, "major or minor, on a money column")
    if entry.get("as_id") and column.type != "string":
        raise wrong_entry(f"{place} as_id", entry["as_id"], "a column of ids or texts")
    if "sign_of" in entry and (
        "adjustment" not in column.allowed or entry["sign_of"] != "amount_minor"
    ):
        expected = "kind of orders, of amount_minor"
        raise wrong_entry(place, f"sign_of {entry['sign_of']}", expected)
