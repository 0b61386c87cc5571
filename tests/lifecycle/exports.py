"""Small exports and a mapping for them; the lake and the command they go through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lifecycle.ingest import IngestOptions, IngestReport, ingest
from lifecycle.lake import Lake
from lifecycle.sources.mapping_file import parse_mapping

ARRIVED = datetime(2024, 6, 1, tzinfo=UTC)
HEADER = "id,account,at,amount,currency"
GOOD = "o1,a1,2024-01-05 10:00,12.50,GBP"
MAPPING: dict[str, Any] = {
    "table": "orders",
    "timezone": "Europe/London",
    "known_at": {"event_clock_delay": "1d"},
    "columns": {
        "order_id": "id",
        "account_id": "account",
        "ordered_at": "at",
        "kind": {"sign_of": "amount_minor"},
        "amount_minor": {"from": "amount", "unit": "major"},
        "currency": "currency",
    },
}


def write_csv(folder: Path, *lines: str, header: str = HEADER, name: str = "orders.csv") -> Path:
    """An export with a header and lines."""
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def mapping_with(columns: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """The mapping with some columns or top-level entries changed."""
    return {**MAPPING, **top, "columns": {**MAPPING["columns"], **(columns or {})}}


def take(
    folder: Path,
    source: Path | str,
    mapping: dict[str, Any] | None = None,
    *,
    max_bad: float = 0.9,
    arrived_at: datetime = ARRIVED,
) -> IngestReport:
    """Ingest into the lake of a folder."""
    options = IngestOptions("GBP", folder / "quarantine", arrived_at, max_bad)
    parsed = parse_mapping(mapping or MAPPING)
    return ingest(str(source), parsed, lake=Lake(folder / "lake"), options=options)


def stored(folder: Path, table: str = "orders") -> list[dict[str, Any]]:
    """All visible rows of a table, by key and `known_at`."""
    rows: list[dict[str, Any]] = []
    for file in Lake(folder / "lake").files(table):
        rows += pq.read_table(file).to_pylist()
    first = next(iter(rows[0])) if rows else ""
    return sorted(rows, key=lambda row: (row[first], row["known_at"]))


def refused(report: IngestReport) -> list[dict[str, Any]]:
    """The quarantine's lines."""
    if report.quarantine_file is None:
        return []
    text = Path(report.quarantine_file).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def rules_of(folder: Path, *lines: str, **mapping: Any) -> Sequence[str]:
    """Rules broken by the lines beside one good row, in order."""
    given = mapping_with(**mapping) if mapping else None
    return [row["rule"] for row in refused(take(folder, write_csv(folder, GOOD, *lines), given))]
