"""The doors ``truecast ingest``, ``truecast world`` and ``truecast dictionary``."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecycle.console import Console, Ticker
from lifecycle.dictionary import build_dictionary
from lifecycle.errors import RefusedError, UsageError
from lifecycle.ingest import IngestOptions, IngestReport, ingest
from lifecycle.lake import Lake
from lifecycle.settings import SETTINGS_FILE, Settings, load_settings
from lifecycle.sources.mapping_file import load_mapping

if TYPE_CHECKING:
    from lifecycle.world.presets import WorldParams
    from lifecycle.world.trace import Trace

SYNTHETIC = "SYNTHETIC: a made-up company; no figure of it is a claim about a real one"
WORLD_SETTINGS = """\
# a synthetic world: every answer says so
currency = "USD"
timezone = "UTC"
fiscal_year_start_month = 1
synthetic = true
# the world ends on a fixed day: without this its scores would one day be shown as stale
stale_after_days = 36500
"""
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


@app.command("world")
def world_command(
    preset: Annotated[
        str, typer.Option("--preset", help="tiny (300 x 24), demo (2,500 x 48) or bench.")
    ] = "demo",
    data_dir: DataDir = None,
    accounts: Annotated[
        int | None, typer.Option("--accounts", help="Live contractual accounts aimed at.")
    ] = None,
    months: Annotated[int | None, typer.Option("--months", help="Length.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed, another world.")] = None,
    variant: Annotated[
        str | None, typer.Option("--variant", help="plain, misspecified, drift or shock.")
    ] = None,
    truth_dir: Annotated[
        Path | None,
        typer.Option("--truth-dir", help="Folder for the truth; not within the data directory."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a synthetic company whose truth is known, and write its facts into the lake.

    The same options always make the same world, and writing it again changes nothing. A data
    directory that holds other facts is refused. What really drove the accounts goes to
    --truth-dir only, where no trainer looks.

    Example: truecast world --preset tiny --data-dir tiny-data

    Example: truecast world --accounts 400 --months 48 --seed 7 --truth-dir truth
    """
    from lifecycle.world.presets import preset as make_preset

    params = make_preset(preset, accounts=accounts, months=months, seed=seed, variant=variant)
    settings, console = load_settings(data_dir), Console(as_json)
    _check_world_place(settings, params, truth_dir)
    console.say(SYNTHETIC)
    trace = _simulate(params, console)
    document = _write_world(trace, settings, console)
    if truth_dir is not None:
        from lifecycle.world.truth import write_truth

        write_truth(trace, truth_dir)
        console.say(f"wrote the truth to {truth_dir}")
    console.emit({**document, "truth_dir": str(truth_dir) if truth_dir else None})


def _check_world_place(settings: Settings, params: WorldParams, truth_dir: Path | None) -> None:
    """Refuse to mix a world with other facts, or its truth with the facts."""
    from lifecycle.world.writing import name_source

    inside = settings.data_dir.resolve()
    if truth_dir is not None and truth_dir.resolve().is_relative_to(inside):
        raise RefusedError(
            f"--truth-dir {truth_dir} lies in {settings.data_dir}", "a folder outside of it"
        )
    written = settings.data_dir / SETTINGS_FILE
    if written.exists() and not (settings.synthetic and settings.currency == "USD"):
        raise RefusedError(
            f"{written} is of a real company", "synthetic = true and USD", "choose another folder"
        )
    sources = [one.source for one in Lake(settings.lake_dir).batches()]
    others = [source for source in sources if source != name_source(params)]
    # with the world already there nothing will be written, whatever was added to it since
    if others and name_source(params) not in sources:
        raise RefusedError(
            f"the lake in {settings.data_dir} holds other facts ({others[0]})",
            "an empty data directory, or one of this very world",
            "choose another --data-dir",
        )


def _simulate(params: WorldParams, console: Console) -> Trace:
    from lifecycle.world.simulate import World

    world = World(params)
    with console.progress("living through the weeks", params.weeks) as ticker:
        for week in range(params.weeks):
            world.step(week)
            ticker.advance()
    return world.close()


def _write_world(trace: Trace, settings: Settings, console: Console) -> dict[str, Any]:
    """Write settings and facts; show and return the figures."""
    from lifecycle.world.figures import build_figures
    from lifecycle.world.writing import write_world

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not (settings.data_dir / SETTINGS_FILE).exists():
        (settings.data_dir / SETTINGS_FILE).write_text(WORLD_SETTINGS, encoding="utf-8")
    with console.progress("writing facts, in rows") as ticker:
        report = write_world(trace, settings.lake_dir, ticker=ticker)
    rows = {name: count.added for name, count in report.header.tables.items()}
    figures = build_figures(trace)
    console.table("rows", ["table", "rows"], [[name, f"{n:,}"] for name, n in rows.items()])
    console.table("this world", ["figure", "value"], [[*pair] for pair in figures.items()])
    if report.repeated:
        console.say(f"batch {report.header.batch_id} is already in the lake, nothing changed")
    console.say(SYNTHETIC)
    return {
        "synthetic": True,
        "batch_id": report.header.batch_id,
        "repeated": report.repeated,
        "seed": trace.params.seed,
        "variant": trace.params.variant,
        "starts_on": str(trace.params.start),
        "ends_on": str(trace.params.end),
        **figures,
        "tables": rows,
    }


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
