"""The commands that compute answers: score, refresh, models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from ledger.deals import DEAL_WIN
from ledger.engine import Ledger
from ledger.releases import Release, read_champions, read_releases
from lifecycle.console import Console
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.errors import ModelNotFoundError, UsageError
from lifecycle.options import AsOf, DataDir, Json
from lifecycle.periods import parse_as_of
from lifecycle.settings import load_existing
from lifecycle.snapshot import Snapshot
from service.files import check_out, write_rows
from service.flat import flatten_scores
from service.refresh.deal_outcomes import judge_deals
from service.refresh.deals import describe_deals, refresh_deals_if_any
from service.refresh.forecasts import refresh_forecasts_if_any
from service.refresh.place import Place, open_snapshot
from service.refresh.releases import (
    ROUTES,
    choose_releases,
    nearest_release,
    speaks_of_lines,
)
from service.refresh.routes import build_open_lines, build_route
from service.refresh.scores import refresh_scores_if_any
from service.refresh.scoring import score_release

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Out = Annotated[Path, typer.Option(help="File to write: .parquet or .csv.")]


def load_place(data_dir: Path | None) -> Place:
    """Return where an existing data directory keeps things, and how its company counts.

    Raises
    ------
    UsageError
        There is no such folder, or a setting is not allowed.
    """
    settings = load_existing(data_dir)
    return Place(
        data_dir=settings.data_dir,
        lake_dir=settings.lake_dir,
        bundles_dir=settings.bundles_dir,
        frames_dir=settings.frames_dir,
        ledger_address=settings.ledger_address,
        zone=settings.zone,
        currency=settings.currency,
        calendar=settings.calendar,
        horizon_days=settings.horizon_days,
        synthetic=settings.synthetic,
    )


def _open(data_dir: Path | None, as_of: str) -> tuple[Place, Snapshot, Ledger]:
    place = load_place(data_dir)
    snapshot = open_snapshot(place, parse_as_of(as_of, place.zone))
    return place, snapshot, place.open_ledger()


@app.command("score", epilog="Example: truecast score churn --as-of 2011-12-10 --out churn.csv")
def score_command(
    model: Annotated[str, typer.Argument(help="churn or clv")],
    as_of: AsOf,
    out: Out,
    horizon_days: Annotated[
        int | None,
        typer.Option(help="Which released horizon; default: the one nearest to the settings'."),
    ] = None,
    route: Annotated[
        str | None, typer.Option(help="contractual or non_contractual; default: all released.")
    ] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Write one model's scores as of a day: id, value, unit, rank, band, reasons, version."""
    console = Console(json_mode)
    check_out(out)
    if model == DEAL_WIN:
        todo = "run `truecast refresh`, then `truecast deals --out FILE`"
        raise UsageError(f"model {model}, which scores deals", "churn or clv", todo)
    if route is not None and route not in ROUTES:
        raise UsageError(f"route {route[:40]!r}", f"one of {', '.join(ROUTES)}", "correct --route")
    place, snapshot, ledger = _open(data_dir, as_of)
    wanted = ROUTES if route is None else (route,)
    releases = [r for r in choose_releases(ledger, snapshot.day) if r.route in wanted]
    rows: list[dict[str, Any]] = []
    spoken = []
    for release in _pick_releases(releases, model, horizon_days, usual=place.horizon_days):
        frame = _frame_for(release, snapshot, place)
        if frame.num_rows or len(wanted) == 1:
            scored = score_release(release, frame, bundles_dir=place.bundles_dir)
            rows += flatten_scores(scored, frame, snapshot, place=place)
            spoken.append(release)
    write_rows(rows, out)
    console.mark(synthetic=place.synthetic)
    told = ", ".join(f"{r.version} ({r.route}, {r.horizon_days} days)" for r in spoken)
    console.say(f"{len(rows):,} rows scored by {told} → {out}")
    versions, horizons = ", ".join(r.version for r in spoken), [r.horizon_days for r in spoken]
    document = {"rows": len(rows), "out": str(out), "model_version": versions}
    console.emit({**document, "horizon_days": horizons})


@app.command("refresh", epilog="Example: truecast refresh --as-of 2011-12-10")
def refresh_command(
    as_of: AsOf,
    scores_only: Annotated[
        bool, typer.Option("--scores-only", help="Scores of accounts and deals; no forecast.")
    ] = False,
    forecasts_only: Annotated[
        bool, typer.Option("--forecasts-only", help="Forecasts, beside the scores that stand.")
    ] = False,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Score accounts and open deals, and forecast two quarters, as of a day into the ledger."""
    if scores_only and forecasts_only:
        raise UsageError("--scores-only and --forecasts-only", "one of them", "leave both out")
    console = Console(json_mode)
    place, snapshot, ledger = _open(data_dir, as_of)
    scores: dict[str, Any] = {"run_id": None, "why": "forecasts only were asked for"}
    if not forecasts_only:
        with console.progress("scoring", total=2 * len(read_champions(ledger))) as ticker:
            scores = refresh_scores_if_any(snapshot, ledger, place=place, ticker=ticker)
    needed = scores["run_id"] is not None and "contractual" not in scores["routes"]
    forecasts: dict[str, Any] = {"forecasts": [], "why": "scores only were asked for"}
    if not scores_only:
        with console.progress("forecasting", total=2) as ticker:
            forecasts = refresh_forecasts_if_any(
                snapshot, ledger, place=place, needed=needed, ticker=ticker
            )
    deals: dict[str, Any] = {"run_id": None, "deals": 0, "why": None}
    deals["judged"] = judge_deals(snapshot, ledger)
    if not forecasts_only:
        deals.update(refresh_deals_if_any(snapshot, ledger, place=place))
    console.mark(synthetic=place.synthetic)
    _show_refresh(console, scores)
    if forecasts["forecasts"]:
        _show_forecasts(console, forecasts["forecasts"], place.currency)
    else:
        console.say(f"no forecast: {forecasts['why']}")
    _show_deals(console, deals)
    document = {"synthetic": place.synthetic, "scores": scores, "forecasts": forecasts}
    console.emit({**document, "deals": deals})


@app.command("models", epilog="Example: truecast models --json")
def models_command(
    card: Annotated[str | None, typer.Option(help="Print the card of this model version.")] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """List the released models, newest first; the champions speak."""
    console = Console(json_mode)
    place = load_place(data_dir)
    ledger = place.open_ledger()
    console.mark(synthetic=place.synthetic)
    releases = read_releases(ledger)
    champions = {release.release_id for release in read_champions(ledger)}
    if card is not None:
        _show_card(console, releases, card)
        return
    columns = ("version", "model", "route", "horizon_days", "candidate", "as_of")
    console.table(
        "Released models",
        ["version", "model", "route", "days", "candidate", "trained as of", "champion"],
        [[*[getattr(r, n) for n in columns], r.release_id in champions] for r in releases],
    )
    console.emit(
        [
            {
                "version": r.version,
                "model": r.model,
                "route": r.route,
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


def _pick_releases(
    releases: Sequence[Release], model: str, horizon: int | None, *, usual: int
) -> list[Release]:
    """Return a model's release of each route: over the horizon (days) asked for or nearest."""
    mine = [release for release in releases if release.model == model]
    fitting = [release for release in mine if horizon in {None, release.horizon_days}]
    found = [nearest_release(fitting, model, route=route, horizon_days=usual) for route in ROUTES]
    if not fitting:
        known = {(r.model, r.horizon_days) for r in mine or releases}
        have = ", ".join(f"{name} over {days} days" for name, days in sorted(known))
        raise ModelNotFoundError(
            f"no release of {model[:40]!r}" + (f" over {horizon} days" if horizon else ""),
            f"one of: {have}",
            f"run `truecast train {model[:40]}`",
        )
    return [release for release in found if release is not None]


def _frame_for(release: Release, snapshot: Snapshot, place: Place) -> pa.Table:
    if speaks_of_lines(release):
        return build_open_lines(snapshot, frames_dir=place.frames_dir)
    return build_route(snapshot, release.route, frames_dir=place.frames_dir).frame


def _show_deals(console: Console, deals: Mapping[str, Any]) -> None:
    for line in describe_deals(deals):
        console.say(line)
    if deals["judged"]:
        told = f"{deals['judged']:,} earlier chances of deals judged"
        console.say(f"{told}; see `track-record deal_win`")


def _show_refresh(console: Console, scores: Mapping[str, Any]) -> None:
    if scores["run_id"] is None:
        console.say(str(scores["why"]))
        return
    console.say(
        f"{scores['accounts']:,} accounts scored by {', '.join(scores['models'])}: "
        f"{scores['at_risk']:,} can still be kept, {scores['lapsed']:,} have already lapsed, "
        f"{scores['notice_given']:,} have given notice"
    )
    if scores["facts_are_old"]:
        console.say(
            f"WARNING: the newest fact is {scores['data_age_days']:,} days old, so these risks do "
            "not know what happened since, and nobody was drawn to be left alone: ingest newer ones"
        )
    if scores["held_out"]:
        verb = "is" if scores["held_out"] == 1 else "are"
        console.say(f"{scores['held_out']:,} {verb} drawn to be left alone, for comparison")
    if scores["judged"]:
        console.say(f"{scores['judged']:,} earlier scores have matured; see `track-record churn`")
    for route, count in scores["unscored"].items():
        console.say(f"{count:,} {route} accounts have no model yet: run `truecast train churn`")


def _show_forecasts(console: Console, shown: Sequence[Mapping[str, Any]], currency: str) -> None:
    major = 10 ** MINOR_DIGITS[currency]
    money = ("p10_minor", "p50_minor", "p90_minor", "to_date_minor")
    rows = [
        [one["target"], one["period"], one["week"], one["leg"],
         *[f"{one[name] / major:,.0f}" for name in money]]
        for one in shown
    ]  # fmt: skip
    columns = ["target", "period", "week", "served", "P10", "P50", "P90", "to date"]
    console.table(f"Forecasts by quarter ({currency})", columns, rows)
    for one in shown:
        console.say(f"{one['target']} {one['period']}: {one['verdict']}")
