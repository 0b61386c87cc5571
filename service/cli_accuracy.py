"""The command of how right past forecasts were: legs by week, the ladder, and the curve."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.accuracy import AccuracyRow
from ledger.books import TOTAL
from ledger.engine import Ledger
from ledger.ladder import Ladder, read_ladder
from ledger.target_hits import HitRecord, read_hit_record
from ledger.vintages import SERVED, Wanted
from lifecycle.console import Console
from lifecycle.errors import UsageError
from lifecycle.options import DataDir, Json
from models.forecast.raw import TARGETS
from service.accuracy import SOURCES, find_record, find_unknown, read_rows
from service.accuracy_shapes import describe_accuracy, describe_hits, flatten_accuracy
from service.charts import draw_bars
from service.cli_forecast import DefinitionOption, check_definition, check_dimension
from service.cli_jobs import load_place
from service.files import check_out, write_rows
from service.forecast_shapes import Source

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

_TITLES = ["leg", "n", "quarters", "WAPE", "bias", "MASE", "CRPS", "in 50 %", "in 80 %", "in 95 %"]
_NAMES = ("leg", "n", "periods_count", "wape", "bias_share", "mase", "crps_share", "coverage50",
          "coverage80", "coverage95")  # fmt: skip


@app.callback()
def accuracy() -> None:
    """Keep ``accuracy`` a command of its own name."""


@app.command("accuracy", epilog="Example: truecast accuracy --definition bookings --leg served")
def accuracy_command(
    definition: DefinitionOption = None,
    source: Annotated[
        str | None,
        typer.Option(help="backtest or live; default: the backtest, else what was issued."),
    ] = None,
    node: Annotated[str, typer.Option(help="total, or <dimension>=<name>.")] = TOTAL,
    by: Annotated[str | None, typer.Option(help="Every node of a dimension: segment, …")] = None,
    leg: Annotated[
        str | None, typer.Option(help="Only this leg; served is whichever was served.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write: .csv or .parquet.")] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Show how right forecasts were, by week and leg, n beside every share, and what to trust."""
    wanted, given = check_definition(definition), _check_source(source)
    check_dimension(by)
    if out is not None:
        check_out(out)
    console, place = Console(json_mode), load_place(data_dir)
    ledger = place.open_ledger()
    try:
        chosen, found, newest = find_record(ledger, wanted, given)
        unknown = find_unknown(newest.book, node=node, leg=leg, by=by)
        if unknown is not None:
            what, expected = unknown
            raise UsageError(f"a {what} that nobody forecast", expected, "correct it")
        record = _read(ledger, Wanted(chosen, found, node=node, leg=leg), by)
        console.mark(synthetic=place.synthetic)
        _show(console, record)
        told: dict[str, Any] = {"definition": chosen, "source": found}
        told["synthetic"] = place.synthetic
        if out is not None:
            lines = [{**told, **flatten_accuracy(row)} for row in record.rows]
            write_rows(lines, out)
            console.say(f"{len(lines):,} rows → {out}")
            told |= {"rows": len(lines), "out": str(out)}
        console.emit({**told, **record.document()})
    finally:
        ledger.close()


@dataclass(frozen=True)
class _Record:
    asked: Wanted
    by_week: list[AccuracyRow]
    all_weeks: list[AccuracyRow]
    ladder: Ladder
    hits: HitRecord | None

    @property
    def rows(self) -> list[AccuracyRow]:
        return [*self.by_week, *self.all_weeks]

    @property
    def head(self) -> str:
        return f"{self.asked.target}, {self.asked.source}"

    def document(self) -> dict[str, Any]:
        """Return what the API answers in the same words."""
        return {
            "by_week": [describe_accuracy(row) for row in self.by_week],
            "all_weeks": [describe_accuracy(row) for row in self.all_weeks],
            "ladder": [asdict(one) for one in self.ladder.duels],
            "simple": self.ladder.simple,
            "verdict": self.ladder.verdict,
            "targets": describe_hits(self.hits),
        }


def _read(ledger: Ledger, asked: Wanted, by: str | None) -> _Record:
    by_week, all_weeks = read_rows(ledger, asked, by=by)
    whole = Wanted(asked.target, asked.source, node=TOTAL if by else asked.node)
    every = Wanted(asked.target, asked.source, node=None)
    hits = read_hit_record(ledger, every)
    return _Record(asked, by_week, all_weeks, read_ladder(ledger, whole), hits)


def _show(console: Console, record: _Record) -> None:
    console.say(f"{record.asked.target}: {TARGETS[record.asked.target]}")
    if not record.rows:
        console.say("no quarter was judged yet: run `truecast backtest`, or refresh after its end")
        return
    rows = [[one.node, *[getattr(one, n) for n in _NAMES]] for one in record.all_weeks]
    console.table(f"How right each leg was ({record.head}, all weeks)", ["of", *_TITLES], rows)
    _show_weeks(console, record)
    _show_curve(console, record)
    duels = [
        [one.rival, one.n, one.won, one.lost, one.tied, one.wape, one.rival_wape, one.wape_ratio]
        for one in record.ladder.duels
        if one.leg == SERVED
    ]
    titles = ["rival", "n", "won", "lost", "tied", "WAPE", "rival's", "ratio"]
    if duels:
        console.table("What was served against each leg, in quarters", titles, duels)
    console.say(record.ladder.verdict)
    if record.hits is not None:
        hits = record.hits
        console.say(
            f"chances to reach targets: said {hits.mean_chance:.2f}, reached {hits.hit_rate:.2f}, "
            f"Brier {hits.brier:.3f} ({hits.n} chances of {hits.targets_count} targets)"
        )


def _show_weeks(console: Console, record: _Record) -> None:
    """Show the WAPE of every leg by week: where a leg earns its place, and where it does not."""
    by_leg: dict[str, dict[int | None, float | None]] = {}
    for one in record.by_week:
        by_leg.setdefault(one.leg, {})[one.week] = one.wape
    weeks = sorted({one.week for one in record.by_week if one.week is not None})
    if weeks:
        titles = ["leg", *[f"w{week}" for week in weeks]]
        rows = [[leg, *[_share(told.get(week)) for week in weeks]] for leg, told in by_leg.items()]
        console.table(f"WAPE by week of the quarter ({record.head})", titles, rows)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _show_curve(console: Console, record: _Record) -> None:
    """Draw the WAPE of one leg by week: the one asked for, or whichever was served."""
    leg = record.asked.leg or SERVED
    rows = [one for one in record.by_week if one.leg == leg and one.wape is not None]
    if not rows or console.json_mode:
        return
    console.say(f"WAPE of {leg} by week of the quarter, of n forecasts:")
    bars = [(f"w{one.week}", one.wape or 0.0, f"{one.wape:.3f} (n {one.n})") for one in rows]
    for line in draw_bars(bars):
        console.say(f"  {line}")


def _check_source(source: str | None) -> Source | None:
    known: dict[str, Source] = {one: one for one in SOURCES}
    if source is not None and source not in known:
        raise UsageError(f"source {source[:40]!r}", " or ".join(known), "correct --source")
    return None if source is None else known[source]
