"""The doors ``truecast ingest`` and ``truecast dictionary``."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lifecycle.console import Console, Ticker
from lifecycle.dictionary import build_dictionary
from lifecycle.errors import UsageError
from lifecycle.ingest import IngestOptions, IngestReport, ingest
from lifecycle.lake import Lake
from lifecycle.settings import load_settings
from lifecycle.sources.mapping_file import load_mapping

COUNTS = {
    "added": "added",
    "already_known": "already known",
    "corrected": "corrections",
    "restamped": "known from arrival",
    "removed": "taken back",
}

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of lake and ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write the result as JSON on stdout.")]


@app.callback()
def lifecycle() -> None:
    """Facts: what happened to whom, and when we knew it."""


@app.command("ingest")
def ingest_command(
    source: Annotated[str, typer.Argument(help="A CSV, JSONL or Parquet file, or a SQL address.")],
    mapping: Annotated[Path, typer.Option("--mapping", help="Mapping file (TOML).")],
    data_dir: DataDir = None,
    max_bad: Annotated[
        float, typer.Option("--max-bad", help="Share of bad rows above which nothing is added.")
    ] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Read an export into the lake through a mapping file.

    Rows that break a rule go to a quarantine file with rule and line number; the good rows go in,
    unless more than --max-bad are bad. The same source again changes nothing.

    Example: truecast ingest orders.csv --mapping examples/mappings/orders.toml
    """
    if not 0 <= max_bad <= 1:
        raise UsageError(f"--max-bad {max_bad}", "a share within 0-1", "correct it")
    settings = load_settings(data_dir)
    console = Console(as_json)
    options = IngestOptions(
        settings.currency, settings.data_dir / "quarantine", datetime.now(UTC), max_bad
    )
    with ExitStack() as bars:

        def ticker(size: float) -> Ticker:
            return bars.enter_context(console.progress("reading, in bytes", size))

        report = ingest(
            source,
            load_mapping(mapping),
            lake=Lake(settings.lake_dir),
            options=options,
            ticker=ticker,
        )
    _show(report, console)


def _show(report: IngestReport, console: Console) -> None:
    console.emit(report.as_document())
    if report.repeated:
        console.say(f"batch {report.batch_id} is already in the lake, nothing changed")
        return
    rows = [[name, *[counts[key] for key in COUNTS]] for name, counts in report.tables.items()]
    console.table(
        f"batch {report.batch_id}",
        ["table", *COUNTS.values()],
        rows,
    )
    if report.quarantined:
        counted = [[rule, count] for rule, count in report.quarantined.items()]
        console.table("rows refused", ["rule", "rows"], counted)
        console.say(f"refused rows are kept in {report.quarantine_file}")
    for note, count in report.notes.items():
        console.say(f"{note}: {count:,}")
    speed = f"{report.rows_per_second:,.0f} rows/s"
    console.say(f"read {report.read_count:,} rows in {report.seconds:.1f} s ({speed})")


@app.command("dictionary")
def dictionary_command(
    write: Annotated[Path | None, typer.Option("--write", help="File to write it to.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the data dictionary, or write it to a file.

    Example: truecast dictionary --write docs/data-dictionary.md
    """
    text = build_dictionary()
    console = Console(as_json)
    if write is None:
        console.say(text)
        console.emit({"dictionary": text})
        return
    try:
        write.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{write}: {error.strerror}", "a file that can be written") from error
    console.say(f"wrote {write}")
    console.emit({"written": str(write)})
