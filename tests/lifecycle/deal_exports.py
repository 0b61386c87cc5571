"""Made-up exports of deals, taken in through the shipped mapping files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lifecycle.ingest import IngestOptions, IngestReport, ingest
from lifecycle.lake import Lake
from lifecycle.sources.mapping_file import load_mapping, parse_mapping
from tests.lifecycle.exports import write_csv

EXAMPLES = Path(__file__).parents[2] / "examples" / "mappings"
ARRIVED = datetime(2024, 6, 1, tzinfo=UTC)
DEALS: dict[str, Any] = {
    "table": "opportunities",
    "known_at": {"column": "known"},
    "columns": {
        "opportunity_id": "id",
        "account_id": "account",
        "created_at": "created",
        "stage": "stage",
        "amount_minor": {"from": "amount", "unit": "minor"},
        "currency": "currency",
        "close_on": "close",
        "outcome": "outcome",
        "closed_at": "closed",
    },
}
DEAL_HEADER = "known,id,account,created,stage,amount,currency,close,outcome,closed"


def take_example(
    folder: Path, mapping: str, header: str, *lines: str, currency: str = "USD"
) -> IngestReport:
    """Ingest lines of CSV through a shipped mapping file into the folder's lake."""
    source = write_csv(folder, *lines, header=header, name=f"{mapping}.csv")
    options = IngestOptions(currency, folder / "quarantine", ARRIVED, 0.5)
    parsed = load_mapping(EXAMPLES / f"{mapping}.toml")
    return ingest(str(source), parsed, lake=Lake(folder / "lake"), options=options)


def take_lines(
    folder: Path, mapping: dict[str, Any], header: str, *lines: str, max_bad: float = 0.9
) -> IngestReport:
    """Ingest lines of CSV through a mapping into the folder's lake; the company counts in USD."""
    source = write_csv(folder, *lines, header=header, name="lines.csv")
    options = IngestOptions("USD", folder / "quarantine", ARRIVED, max_bad)
    return ingest(str(source), parse_mapping(mapping), lake=Lake(folder / "lake"), options=options)


def columns_of(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of stored rows."""
    return [tuple(row[name] for name in names) for row in rows]
