"""The commands that learn from the past: train and backtest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

import typer

from lifecycle.console import Console
from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.history import History, open_history
from lifecycle.options import AsOf, DataDir, Json
from lifecycle.periods import parse_as_of
from lifecycle.settings import Settings, load_existing
from lifecycle.snapshot import Snapshot
from training.backtest_command import backtest_into_ledger
from training.datasets import check_current
from training.deals.command import count_deal_steps, train_deal_win
from training.deals.flat import Split
from training.deals.readiness import describe_readiness, show_readiness
from training.deals.spec import DEAL_WIN
from training.outcomes import Per
from training.release import Publisher
from training.routes import find_routes
from training.side_by_side import Ground
from training.specs import RouteWish, Spec, find_spec, price_at
from training.train import TrainOutputs, TrainResult, count_steps, train

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Horizon = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1825,
        help="Look-ahead; default 90 for churn; for clv 90 and 365, of contracts 1825.",
    ),
]


@app.command("train", epilog="Example: truecast train churn --as-of 2011-12-10 --horizon-days 90")
def train_command(
    model: Annotated[str, typer.Argument(help="churn, clv or deal_win")],
    as_of: AsOf,
    horizon_days: Horizon = None,
    route: Annotated[
        RouteWish, typer.Option(help="Whose model; auto: every route that has accounts.")
    ] = "auto",
    unit: Annotated[
        Per, typer.Option(help="What is scored on the contractual route: accounts or lines.")
    ] = "account",
    accept_alarm: Annotated[
        bool, typer.Option("--accept-alarm", help="Release although the leak alarm rings.")
    ] = False,
    split: Annotated[
        Split,
        typer.Option(help="deal_win without history: how it is judged; random is not time-honest."),
    ] = "auto",
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Train a model on many past days and pass its candidates through the gate."""
    settings, console = _open(data_dir, json_mode)
    day = parse_as_of(as_of, settings.zone)
    history = open_history(settings.lake_dir, zone=settings.zone)
    publisher = _publisher(settings, console)
    if model == DEAL_WIN.name:
        deals = _train_deals(history.as_of(day), settings, split=split)
        console.emit({"trained": [publisher.publish(deals, accepted=accept_alarm)]})
        return
    done, lacking = list[dict[str, Any]](), list[NotEnoughHistoryError]()
    for spec in _find_specs(model, history.as_of(day), route=route, per=unit):
        try:
            for result in _train_all(spec, history, day, given=horizon_days, settings=settings):
                rows = spec.slices.build_frame(history.as_of(day), settings.frames_dir)
                done.append(publisher.publish(result, accepted=accept_alarm, frame=rows))
        except NotEnoughHistoryError as error:
            lacking.append(error)
            console.say(f"{spec.route.replace('_', '-')} route not trained: {error}")
    if lacking and not done:
        raise lacking[0]
    console.emit({"trained": done})


def _open(data_dir: DataDir, json_mode: bool) -> tuple[Settings, Console]:
    settings, console = load_existing(data_dir), Console(json_mode)
    console.mark(synthetic=settings.synthetic)
    return settings, console


def _train_deals(known: Snapshot, settings: Settings, *, split: Split) -> TrainResult:
    calendar = settings.calendar
    out, steps = _outputs(settings), count_deal_steps(known, calendar=calendar)
    with Console().progress("train deal_win", steps) as ticker:
        return train_deal_win(known, out=out, split=split, calendar=calendar, ticker=ticker)


@app.command("readiness", epilog="Example: truecast readiness deals --as-of 2024-12-30")
def readiness_command(
    what: Annotated[Literal["deals"], typer.Argument(help="What would be scored.")],
    as_of: AsOf,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Say what is missing to score deals, and how much more it takes."""
    settings, console = _open(data_dir, json_mode)
    day = parse_as_of(as_of, settings.zone)
    known = open_history(settings.lake_dir, zone=settings.zone).as_of(day)
    report = describe_readiness(known, calendar=settings.calendar)
    show_readiness(console, report)
    console.emit({"synthetic": settings.synthetic, "what": what, **report})


def _train_all(
    spec: Spec, history: History, day: date, *, given: int | None, settings: Settings
) -> Iterator[TrainResult]:
    check_current(history.as_of(day), spec.slices)
    priced = price_at(spec, settings.discount_share)
    for horizon in _horizons(spec, given, settings):
        yield _train_one(priced, history, day, horizon_days=horizon, settings=settings)


def _find_specs(model: str, known: Snapshot, *, route: RouteWish, per: Per) -> list[Spec]:
    """Return the spec of each route asked for; without any account the orders' says what lacks."""
    if route != "auto":
        return [find_spec(model, route=route, per=per)]
    if per == "subscription":
        return [find_spec(model, route="contractual", per=per)]
    return [find_spec(model, route=one) for one in find_routes(known)] or [find_spec(model)]


@app.command("backtest", epilog="Example: truecast backtest --as-of 2011-12-10 --quarters 8")
def backtest_command(
    as_of: AsOf,
    quarters: Annotated[int, typer.Option(min=1, max=40, help="Ended quarters to go back.")] = 8,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Forecast every past quarter from every past week with only what was known then."""
    settings, console = _open(data_dir, json_mode)
    day = parse_as_of(as_of, settings.zone)
    ground = Ground(settings.lake_dir, settings.zone, settings.calendar, settings.currency, day)
    kept, ledger_address = settings.data_dir / "backtests", settings.ledger_address
    backtest_into_ledger(
        ground, console, quarters=quarters, kept=kept, ledger_address=ledger_address
    )


def _horizons(spec: Spec, given: int | None, settings: Settings) -> tuple[int, ...]:
    if given is not None and spec.label_days is not None and given not in spec.horizons:
        raise UsageError(
            f"a {spec.name} of contracts over {given} days",
            f"{' or '.join(map(str, spec.horizons))} days",
            "leave --horizon-days out, or pass --route non_contractual",
        )
    if given is not None:
        return (given,)
    return spec.horizons if spec.unit == "minor" else (settings.horizon_days,)


def _train_one(
    spec: Spec, history: History, day: date, *, horizon_days: int, settings: Settings
) -> TrainResult:
    out = _outputs(settings)
    steps = count_steps(spec, history, as_of=day, horizon_days=horizon_days)
    # people see the bar on stderr even where stdout carries JSON
    told = f"train {spec.name} ({spec.route.replace('_', '-')}) over {horizon_days} days"
    with Console().progress(told, steps) as ticker:
        return train(spec, history, as_of=day, horizon_days=horizon_days, out=out, ticker=ticker)


def _publisher(settings: Settings, console: Console) -> Publisher:
    places = settings.ledger_address, settings.bundles_dir, settings.mlflow_address
    return Publisher(console, *places)


def _outputs(settings: Settings) -> TrainOutputs:
    return TrainOutputs(
        bundles_dir=settings.bundles_dir,
        frames_dir=settings.frames_dir,
        tracking_uri=settings.mlflow_address,
        artifact_dir=settings.data_dir / "mlflow-artifacts",
    )
