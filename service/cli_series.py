"""The command for any table of series: no lake, no ledger, a file in and a file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lifecycle.console import Console
from lifecycle.errors import DataError, UsageError
from lifecycle.options import Json
from service.files import check_out, write_rows

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

LEVELS = "50,80,95"


@app.callback()
def _group() -> None:
    """Forecast series."""  # an app of one command would not expect that command's name


@app.command(
    "forecast-series",
    epilog="Example: truecast forecast-series sales.csv --horizon 12 --season 12 --out ahead.csv",
)
def forecast_series_command(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with unique_id, ds and y.")],
    horizon: Annotated[int, typer.Option(help="Steps ahead.")],
    out: Annotated[Path, typer.Option(help="File to write: .parquet or .csv.")],
    season: Annotated[int, typer.Option(help="Steps a season: 12 for months, 1 for none.")] = 1,
    levels: Annotated[str, typer.Option(help="Percent of futures an interval holds.")] = LEVELS,
    hierarchy: Annotated[
        Path | None,
        typer.Option(help="Sums to forecast along: first column node, then 0 or 1 a series."),
    ] = None,
    json_mode: Json = False,
) -> None:
    """Forecast every series of a file with intervals, and sums of them that add up."""
    from models.forecast.time_series.forecast import Question, count_steps, forecast_series
    from models.forecast.time_series.hierarchy import read_hierarchy
    from models.forecast.time_series.panel import read_panel

    console = Console(json_mode)
    check_out(out)
    question = Question(horizon, season, _read_levels(levels))
    table = _read_table(file)
    sums = None if hierarchy is None else read_hierarchy(_read_table(hierarchy))
    panel = read_panel(table)
    with console.progress("series", count_steps(panel, question)) as ticker:
        found = forecast_series(table, question, hierarchy=sums, progress=ticker)
    write_rows(_rows(found), out)
    filled = f"; {panel.filled} missing steps filled" if panel.filled else ""
    console.say(
        f"{len(panel.ids):,} series{'' if sums is None else f' and {len(sums.nodes):,} sums'},"
        f" {horizon} steps ahead → {out}{filled}"
    )
    console.emit(
        {
            "series": len(panel.ids),
            "sums": 0 if sums is None else len(sums.nodes),
            "horizon": horizon,
            "filled": panel.filled,
            "out": str(out),
        }
    )


def _read_levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"levels {text[:40]!r}", "percents with commas between, as 50,80,95"
        ) from None


def _read_table(file: Path) -> pd.DataFrame:
    import pandas as pd

    if not file.is_file():
        raise UsageError(f"no file {str(file)!r}", "a file .csv or .parquet", "correct the path")
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        if file.suffix == ".csv":
            # "NA" may be a name: only an empty cell is one that is missing
            return pd.read_csv(
                file, dtype={"unique_id": str}, keep_default_na=False, na_values=["", "nan", "NaN"]
            )
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(
            f"file {file.name!r} cannot be read: {error}", "a table with one header line"
        ) from error
    raise UsageError(f"file {file.name!r}", "an ending .csv or .parquet", "convert it")


def _rows(found: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows whose times are plain days where they have no time of day."""
    times = found["ds"]
    if times.dtype.kind == "M" and (times == times.dt.normalize()).all():
        found = found.assign(ds=times.dt.date)
    return [{str(key): value for key, value in row.items()} for row in found.to_dict("records")]
