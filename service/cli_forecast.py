"""The commands of the quarter: its forecast as of a day, what moved it, and the gap to targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ledger.books import Book
from ledger.engine import Ledger
from lifecycle.console import Console
from lifecycle.errors import NoForecastError, UsageError
from lifecycle.options import AsOf, DataDir, Json
from lifecycle.periods import Quarter, parse_as_of
from models.forecast.nodes import DIMENSIONS
from models.forecast.raw import TARGETS
from models.forecast.targets import read_targets
from service.cli_jobs import load_place
from service.files import check_out, write_rows
from service.flat import flatten_book
from service.forecast_changes import tell_changes
from service.forecast_gap import find_gap
from service.forecast_shapes import Definition, dimensions_of
from service.forecast_tables import (
    Shown,
    show_books,
    show_changes,
    show_detail,
    show_gap,
    tell_book,
)
from service.forecasts import DEFAULT_ORDER, choose_definition, find_book
from service.refresh.forecasts import build_book, build_forecasts
from service.refresh.place import Place, open_snapshot

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

DefinitionOption = Annotated[
    str | None, typer.Option("--definition", help=f"One of {', '.join(DEFAULT_ORDER)}.")
]
PeriodArgument = Annotated[str, typer.Argument(help="A fiscal quarter such as 2012Q1.")]


@app.command("forecast", epilog="Example: truecast forecast --as-of 2011-12-10 --by segment")
def forecast_command(
    as_of: AsOf,
    period: Annotated[
        list[str] | None, typer.Option(help="Quarter such as 2012Q1; default: this and the next.")
    ] = None,
    definition: DefinitionOption = None,
    by: Annotated[str | None, typer.Option(help=f"One of {', '.join(DIMENSIONS)}.")] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Also the 50, 80 and 95 % intervals.")
    ] = False,
    legs: Annotated[
        bool, typer.Option("--legs", help="Also every leg that is not served.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .csv or .parquet; every node and leg.")
    ] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Forecast the quarter as of a day: P10, P50, P90, parts, why this leg, and its record."""
    wanted = check_definition(definition)
    check_dimension(by)
    if out is not None:
        check_out(out)
    console, place = Console(json_mode), load_place(data_dir)
    quarters = [Quarter.parse(name, place.calendar) for name in period or []]
    ledger = place.open_ledger()
    try:
        asked = _Asked(as_of, quarters, wanted)
        books = _build(console, place, ledger, asked)
        console.mark(synthetic=place.synthetic)
        shown = Shown(place.currency, by, intervals, legs, place.calendar)
        _check_by(by, books)
        show_books(console, books, shown)
        for book in _in_detail(books, wanted, several=bool(period)):
            show_detail(console, ledger, book, shown)
        told = {"as_of": as_of, "synthetic": place.synthetic, **_write(console, books, out, place)}
        console.emit({**told, "forecasts": [tell_book(ledger, one, shown) for one in books]})
    finally:
        ledger.close()


@app.command("changes", epilog="Example: truecast changes 2012Q1 --since 2011-12-03")
def changes_command(
    period: PeriodArgument,
    since: Annotated[str, typer.Option(help="Compare with the forecast that stood on this day.")],
    as_of: Annotated[
        str | None, typer.Option(help="The later forecast; default: the newest.")
    ] = None,
    definition: DefinitionOption = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Show what moved a quarter's forecast since a day, cause by cause, to the last cent."""
    wanted = check_definition(definition)
    console, place = Console(json_mode), load_place(data_dir)
    Quarter.parse(period, place.calendar)
    first = parse_as_of(since, place.zone)
    last = None if as_of is None else parse_as_of(as_of, place.zone)
    ledger = place.open_ledger()
    try:
        chosen, _ = choose_definition(ledger, period, wanted)
        told, after = tell_changes(ledger, chosen, period, since=first, as_of=last)
        console.mark(synthetic=place.synthetic)
        show_changes(console, told, after.book)
        head = {"definition": chosen, "period": period, "currency": after.book.currency}
        console.emit({**head, "synthetic": place.synthetic, **told})
    finally:
        ledger.close()


@app.command("gap", epilog="Example: truecast gap 2012Q1 --json")
def gap_command(
    period: PeriodArgument,
    as_of: Annotated[
        str | None, typer.Option(help="As it stood on this day; default: the newest.")
    ] = None,
    definition: DefinitionOption = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Show how a quarter stands to its targets, and what would close the gap."""
    wanted = check_definition(definition)
    console, place = Console(json_mode), load_place(data_dir)
    Quarter.parse(period, place.calendar)
    day = None if as_of is None else parse_as_of(as_of, place.zone)
    ledger = place.open_ledger()
    try:
        chosen, _ = choose_definition(ledger, period, wanted)
        _, row = find_gap(ledger, chosen, period, as_of=day)
        book = find_book(ledger, chosen, period, as_of=row.origin).book
        console.mark(synthetic=place.synthetic)
        show_gap(console, row.answer, book)
        head = {"definition": chosen, "period": period, "origin": row.origin.isoformat()}
        told = {"currency": book.currency, "synthetic": place.synthetic, "gap": row.answer}
        console.emit({**head, **told})
    finally:
        ledger.close()


def check_definition(definition: str | None) -> Definition | None:
    """Return a definition as one that is known.

    Raises
    ------
    UsageError
        It is none.
    """
    known: dict[str, Definition] = {one: one for one in DEFAULT_ORDER}
    if definition is None:
        return None
    if definition not in known:
        found = f"definition {definition[:40]!r}"
        raise UsageError(found, f"one of {', '.join(known)}", "correct --definition")
    return known[definition]


def check_dimension(by: str | None) -> None:
    """Refuse a dimension that no node can have.

    Raises
    ------
    UsageError
        It is none.
    """
    if by not in {None, *DIMENSIONS}:
        found = f"dimension {str(by)[:40]!r}"
        raise UsageError(found, f"one of {', '.join(DIMENSIONS)}", "correct --by")


@dataclass(frozen=True)
class _Asked:
    as_of: str
    quarters: list[Quarter]
    definition: Definition | None


def _build(console: Console, place: Place, ledger: Ledger, asked: _Asked) -> list[Book]:
    snapshot = open_snapshot(place, parse_as_of(asked.as_of, place.zone))
    quarters = asked.quarters
    with console.progress("forecasting", total=len(quarters) or 2) as ticker:
        built = build_forecasts(snapshot, ledger, place=place, quarters=quarters, ticker=ticker)
    goals = read_targets(snapshot)
    books = [build_book(one, snapshot, place.currency, goals) for one in built]
    targets = sorted({one.target for one in books}, key=list(TARGETS).index)
    if asked.definition not in {None, *targets}:
        raise NoForecastError(
            f"nothing of {asked.definition} is known as of {asked.as_of}",
            f"one of {', '.join(targets)}",
            "ask for one of these, or ingest what it rests on",
        )
    return [one for one in books if asked.definition in {None, one.target}]


def _write(
    console: Console, books: list[Book], out: Path | None, place: Place
) -> dict[str, object]:
    """Write every node and leg to a file, if one is asked for; return what it holds."""
    if out is None:
        return {}
    rows = [row for one in books for row in flatten_book(one, synthetic=place.synthetic)]
    write_rows(rows, out)
    console.say(f"{len(rows):,} rows → {out}")
    return {"rows": len(rows), "out": str(out)}


def _in_detail(books: list[Book], wanted: str | None, *, several: bool) -> list[Book]:
    """Return the headline's book: the first definition, and of the quarters the first."""
    chosen = wanted or next(one for one in DEFAULT_ORDER if one in {b.target for b in books})
    mine = [one for one in books if one.target == chosen]
    return mine if several else mine[:1]


def _check_by(by: str | None, books: list[Book]) -> None:
    known = list(dict.fromkeys(name for one in books for name in dimensions_of(one.rows)))
    if by is not None and by not in known:
        expected = f"one of {', '.join(known)}" if known else "no --by: only the total is told"
        raise UsageError(f"--by {by}, of which nothing is known", expected, "correct --by")
