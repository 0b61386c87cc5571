"""The commands that compute answers: score, forecast, refresh, models."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from features.frames import account_frame
from ledger.engine import Ledger, open_ledger
from ledger.releases import Release, read_champions, read_releases
from lifecycle.console import Console
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.errors import ModelNotFoundError, UsageError
from lifecycle.periods import Quarter, parse_as_of
from lifecycle.settings import Settings, load_existing
from lifecycle.snapshot import Snapshot
from service.refresh.forecasts import build_forecasts, describe_forecast, refresh_forecasts
from service.refresh.scores import (
    Place,
    choose_releases,
    open_snapshot,
    refresh_scores,
    score_release,
)

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the lake and the ledger [TRUECAST_DATA_DIR].")
]
AsOf = Annotated[str, typer.Option(help="The day to stand on: only facts known before it count.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Out = Annotated[Path, typer.Option(help="File to write: .parquet or .csv.")]


def place_of(settings: Settings) -> Place:
    """Return where the settings keep things."""
    return Place(
        bundles_dir=settings.bundles_dir,
        frames_dir=settings.frames_dir,
        currency=settings.currency,
        first_month=settings.fiscal_year_start_month,
        horizon_days=settings.horizon_days,
    )


def _open(data_dir: Path | None, as_of: str) -> tuple[Settings, Snapshot, Ledger]:
    settings = load_existing(data_dir)
    day = parse_as_of(as_of, settings.zone)
    snapshot = open_snapshot(settings.lake_dir, settings.zone, day)
    return settings, snapshot, open_ledger(settings.ledger_address)


@app.command("score", epilog="Example: truecast score churn --as-of 2011-12-10 --out churn.csv")
def score_command(
    model: Annotated[str, typer.Argument(help="churn or clv")],
    as_of: AsOf,
    out: Out,
    horizon_days: Annotated[
        int | None,
        typer.Option(help="Which released horizon; default: the one nearest to the settings'."),
    ] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Write one model's scores as of a day: id, value, unit, rank, band, reasons, version."""
    console = Console(json_mode)
    check_out(out)
    settings, snapshot, ledger = _open(data_dir, as_of)
    place = place_of(settings)
    releases = choose_releases(ledger, snapshot.day)
    release = _pick_release(releases, model, horizon_days, usual=settings.horizon_days)
    frame = account_frame(snapshot, cache_dir=settings.frames_dir)
    table = score_release(release, frame, place).table
    money = release.model == "clv"
    rows = [
        {
            "id": row["account_id"],
            "value": row["value"],
            "unit": "minor" if money else "probability",
            "currency": settings.currency if money else None,
            "rank": row["rank"],
            "band": row["band"],
            "reasons": row["reasons"],
            "model_version": release.version,
            "horizon_days": release.horizon_days,
            "as_of": snapshot.day.isoformat(),
        }
        for row in table.to_pylist()
    ]
    write_rows(rows, out)
    console.say(f"{len(rows):,} accounts scored by {release.version} → {out}")
    console.emit({"rows": len(rows), "out": str(out), "model_version": release.version})


@app.command("forecast", epilog="Example: truecast forecast --as-of 2011-12-10 --out quarter.csv")
def forecast_command(
    as_of: AsOf,
    out: Out,
    period: Annotated[
        list[str] | None, typer.Option(help="Quarter such as 2012Q1; default: this and the next.")
    ] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Write the quarter's forecast as of a day: every node and leg with P10, P50, P90."""
    console = Console(json_mode)
    check_out(out)
    settings, snapshot, ledger = _open(data_dir, as_of)
    place = place_of(settings)
    quarters = [Quarter.parse(name, place.first_month) for name in period or []]
    with console.progress("forecasting", total=len(quarters) or 2) as ticker:
        built = build_forecasts(snapshot, ledger, place=place, quarters=quarters, ticker=ticker)
    rows = [row for one in built for row in _flat_forecast(one, snapshot, settings.currency)]
    write_rows(rows, out)
    _show_forecasts(console, [describe_forecast(one) for one in built], settings.currency)
    console.say(f"{len(rows):,} rows → {out}")
    console.emit({"rows": len(rows), "out": str(out)})


@app.command("refresh", epilog="Example: truecast refresh --as-of 2011-12-10")
def refresh_command(as_of: AsOf, data_dir: DataDir = None, json_mode: Json = False) -> None:
    """Score every account and forecast two quarters as of a day into the ledger."""
    console = Console(json_mode)
    settings, snapshot, ledger = _open(data_dir, as_of)
    place = place_of(settings)
    with console.progress("scoring", total=2 * len(read_champions(ledger))) as ticker:
        scores = refresh_scores(snapshot, ledger, place=place, ticker=ticker)
    with console.progress("forecasting", total=2) as ticker:
        forecasts = refresh_forecasts(snapshot, ledger, place=place, ticker=ticker)
    console.say(
        f"{scores['accounts']:,} accounts scored by {', '.join(scores['models'])}: "
        f"{scores['at_risk']:,} can still be kept, {scores['lapsed']:,} have already lapsed"
    )
    _show_forecasts(console, forecasts["forecasts"], settings.currency)
    console.emit({"scores": scores, "forecasts": forecasts})


@app.command("models", epilog="Example: truecast models --json")
def models_command(
    card: Annotated[str | None, typer.Option(help="Print the card of this model version.")] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """List the released models, newest first; the champions speak."""
    console = Console(json_mode)
    ledger = open_ledger(load_existing(data_dir).ledger_address)
    releases = read_releases(ledger)
    champions = {release.release_id for release in read_champions(ledger)}
    if card is not None:
        _show_card(console, releases, card)
        return
    console.table(
        "Released models",
        ["version", "model", "days", "candidate", "trained as of", "champion"],
        [
            [r.version, r.model, r.horizon_days, r.candidate, r.as_of, r.release_id in champions]
            for r in releases
        ],
    )
    console.emit(
        [
            {
                "version": r.version,
                "model": r.model,
                "horizon_days": r.horizon_days,
                "candidate": r.candidate,
                "as_of": r.as_of,
                "champion": r.release_id in champions,
                "digest": r.digest,
                "metrics": r.metrics,
            }
            for r in releases
        ]
    )


def _show_card(console: Console, releases: Sequence[Release], version: str) -> None:
    found = next((release for release in releases if release.version == version), None)
    if found is None:
        raise ModelNotFoundError(
            f"no release {version[:60]!r}", "a version that `truecast models` lists", "correct it"
        )
    console.say(str(found.card.get("markdown") or json.dumps(found.card, indent=2)))
    console.emit(found.card)


def _pick_release(
    releases: Sequence[Release], model: str, horizon: int | None, *, usual: int
) -> Release:
    fitting = [r for r in releases if r.model == model and horizon in {None, r.horizon_days}]
    if not fitting:
        have = ", ".join(f"{r.model} over {r.horizon_days} days" for r in releases)
        raise ModelNotFoundError(
            f"no release of {model[:40]!r}" + (f" over {horizon} days" if horizon else ""),
            f"one of: {have}",
            f"run `truecast train {model[:40]}`",
        )
    return min(fitting, key=lambda r: (abs(r.horizon_days - usual), r.horizon_days))


def _flat_forecast(one: Any, snapshot: Snapshot, currency: str) -> Iterator[dict[str, Any]]:
    for leg in one.legs:
        yield {
            "period": str(one.quarter),
            "as_of": snapshot.day.isoformat(),
            "week": one.week,
            "node": leg.node,
            "leg": leg.leg,
            "served": one.served.get(leg.node) == leg.leg,
            "p10": round(leg.p10_minor),
            "p50": round(leg.p50_minor),
            "p90": round(leg.p90_minor),
            "mean": round(leg.mean_minor),
            "unit": "minor",
            "currency": currency,
        }


def _show_forecasts(console: Console, shown: Sequence[Mapping[str, Any]], currency: str) -> None:
    major = 10 ** MINOR_DIGITS[currency]
    money = ("p10_minor", "p50_minor", "p90_minor", "to_date_minor")
    rows = [
        [one["period"], one["week"], one["leg"], *[f"{one[name] / major:,.0f}" for name in money]]
        for one in shown
    ]
    title = f"Revenue by quarter ({currency})"
    console.table(title, ["period", "week", "served", "P10", "P50", "P90", "to date"], rows)
    for one in shown:
        console.say(f"{one['period']}: {one['verdict']}")


def check_out(out: Path) -> None:
    """Refuse a file kind that cannot be written, before any work is done.

    Raises
    ------
    UsageError
        The ending is neither .parquet nor .csv, or the folder does not exist.
    """
    if out.suffix not in {".parquet", ".csv"}:
        raise UsageError(f"file {out.name!r}", "an ending .parquet or .csv", "correct --out")
    if not out.parent.is_dir():
        raise UsageError(f"no folder {str(out.parent)!r}", "an existing folder", "create it")


def write_rows(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Write rows of equal keys as Parquet or CSV, whole or not at all."""
    with _replacing(out) as draft:
        if out.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), draft)
            return
        with draft.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        yield draft
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
