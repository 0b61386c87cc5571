"""The commands that learn from the past: train and backtest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.backtests import BacktestRow, write_backtests
from ledger.engine import Ledger, open_ledger
from ledger.releases import Release, read_champions, write_release
from ledger.runs import begin_run, publish_run
from lifecycle.console import Console
from lifecycle.history import History, open_history
from lifecycle.periods import parse_as_of
from lifecycle.settings import Settings, load_existing
from models.registry import set_alias
from training.backtest import AccuracyRow, backtest_origins, run_backtest, summarise
from training.datasets import check_current
from training.specs import Spec, find_spec
from training.train import TrainOutputs, TrainResult, count_steps, served_metrics, train

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the lake and the ledger [TRUECAST_DATA_DIR].")
]
AsOf = Annotated[str, typer.Option(help="The day to stand on: only facts known before it count.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@app.command("train", epilog="Example: truecast train churn --as-of 2011-12-10 --horizon-days 90")
def train_command(
    model: Annotated[str, typer.Argument(help="churn or clv")],
    as_of: AsOf,
    horizon_days: Annotated[
        int | None,
        typer.Option(min=1, max=1095, help="Look-ahead; default 90 for churn, 90 and 365 for clv."),
    ] = None,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Train a model on many past days and pass its candidates through the gate."""
    settings, console = load_existing(data_dir), Console(json_mode)
    day = parse_as_of(as_of, settings.zone)
    spec = find_spec(model)
    history = open_history(settings.lake_dir, zone=settings.zone)
    check_current(history.as_of(day))
    done = []
    for horizon in _horizons(spec, horizon_days, settings):
        result = _train_one(spec, history, day, horizon_days=horizon, settings=settings)
        release_id = _release(result, settings)
        _show_result(console, result)
        done.append(_document(result, release_id))
    console.emit({"trained": done})


@app.command("backtest", epilog="Example: truecast backtest --as-of 2011-12-10 --quarters 8")
def backtest_command(
    as_of: AsOf,
    quarters: Annotated[int, typer.Option(min=1, max=40, help="Ended quarters to go back.")] = 8,
    data_dir: DataDir = None,
    json_mode: Json = False,
) -> None:
    """Forecast every past quarter from every past week with only what was known then."""
    settings, console = load_existing(data_dir), Console(json_mode)
    day = parse_as_of(as_of, settings.zone)
    history = open_history(settings.lake_dir, zone=settings.zone)
    check_current(history.as_of(day))
    first_month = settings.fiscal_year_start_month
    origins = backtest_origins(quarters=quarters, first_month=first_month, as_of=day)
    with console.progress("backtest", len(origins)) as ticker:
        vintages = run_backtest(
            history, quarters=quarters, first_month=first_month, as_of=day, progress=ticker
        )
    rows = [BacktestRow(**asdict(one), currency=settings.currency) for one in vintages]
    run_id = _write_backtest(rows, day, settings, instant=history.as_of(day).as_of)
    accuracy = summarise(vintages)
    _show_accuracy(console, accuracy)
    console.emit({"run_id": run_id, "accuracy": [asdict(row) for row in accuracy]})


def _horizons(spec: Spec, given: int | None, settings: Settings) -> tuple[int, ...]:
    if given is not None:
        return (given,)
    return spec.horizons if spec.unit == "minor" else (settings.horizon_days,)


def _train_one(
    spec: Spec, history: History, day: date, *, horizon_days: int, settings: Settings
) -> TrainResult:
    out = TrainOutputs(
        bundles_dir=settings.bundles_dir,
        frames_dir=settings.frames_dir,
        tracking_uri=settings.mlflow_address,
        artifact_dir=settings.data_dir / "mlflow-artifacts",
    )
    steps = count_steps(spec, history, as_of=day, horizon_days=horizon_days)
    # people see the bar on stderr even where stdout carries JSON
    with Console().progress(f"train {spec.name} over {horizon_days} days", steps) as ticker:
        return train(spec, history, as_of=day, horizon_days=horizon_days, out=out, ticker=ticker)


def _release(result: TrainResult, settings: Settings) -> int:
    spec, card = result.spec, result.card
    release = Release(
        model=spec.name,
        horizon_days=result.horizon_days,
        route=spec.route,
        candidate=result.model.name,
        version=f"{spec.name}-{result.horizon_days}-{result.as_of:%Y%m%d}-{result.digest[:8]}",
        digest=result.digest,
        as_of=result.as_of,
        created_at=datetime.now(UTC),
        metrics=served_metrics(card),
        card=card,
        mlflow_run_id=result.run.run_id if result.run else None,
    )
    ledger = open_ledger(settings.ledger_address)
    # a model of an earlier day is kept for questions about that day; it unseats no later one
    promote = all(one.as_of <= result.as_of for one in _sitting(ledger, release))
    reason = card["gate"]["text"]
    release_id = write_release(ledger, release, promote=promote, reason=reason)
    if result.run is not None:
        name = f"{spec.name}_{result.horizon_days}"
        alias = "champion" if promote else "challenger"
        set_alias(settings.mlflow_address, name, alias=alias, version=result.run.version)
    return release_id


def _sitting(ledger: Ledger, release: Release) -> list[Release]:
    key = (release.model, release.horizon_days)
    return [one for one in read_champions(ledger) if (one.model, one.horizon_days) == key]


def _document(result: TrainResult, release_id: int) -> dict[str, Any]:
    card = result.card
    return {
        "model": result.spec.name,
        "horizon_days": result.horizon_days,
        "as_of": result.as_of.isoformat(),
        "candidate": result.model.name,
        "release_id": release_id,
        "digest": result.digest,
        "snapshot": card["data"]["snapshot"],
        "training_digest": card["data"]["training_digest"],
        "gate": card["gate"],
        "rivals": card["rivals"],
        "left_out": card["left_out"],
        "calibration": card["calibration"],
    }


def _show_result(console: Console, result: TrainResult) -> None:
    card, gate = result.card, result.card["gate"]
    measures = list(card["rivals"][0]["mean"]) if card["rivals"] else []
    money = {"mae", "rmse"} if result.spec.unit == "minor" else set()
    rows: list[list[object]] = []
    for rival in card["rivals"]:
        name = ("* " if rival["served"] else "  ") + rival["candidate"]
        cells = [
            _measure(rival, m, scale=100.0 if m in money else 1.0, spread=m == gate["measure"])
            for m in measures
        ]
        rows.append([name, *cells, f"{rival['bias_share']:+.1%}", f"{rival['miss_share']:.1%}"])
    title = f"{card['model']} over {card['horizon_days']} days as of {result.as_of}"
    console.table(title, ["candidate", *measures, "bias", "total off"], rows)
    for name, reason in card["left_out"].items():
        console.say(f"left out: {name}: {reason}")
    console.say(f"gate: {gate['text']}; {gate['note']}")
    if gate.get("frontier"):
        console.say(
            f"no candidate is better in both mae and bias than: {', '.join(gate['frontier'])}"
        )
    if gate.get("best_learned") not in (None, result.model.name):
        console.say(f"best fitted model, which loses: {gate['best_learned']}")
    if card["calibration"]["text"]:
        console.say(f"calibration: {card['calibration']['text']}")
    console.say(f"bundle {result.digest}  facts {card['data']['snapshot']}")


def _measure(rival: dict[str, Any], name: str, *, scale: float, spread: bool) -> str:
    if name not in rival["mean"]:
        return ""
    text = f"{rival['mean'][name] / scale:.4g}"
    if spread and name in rival["se"]:  # of the deciding measure alone, so that a row fits
        text += f" ± {rival['se'][name] / scale:.2g}"
    return text


def _write_backtest(
    rows: Iterable[BacktestRow], day: date, settings: Settings, *, instant: datetime
) -> int:
    ledger = open_ledger(settings.ledger_address)
    run_id = begin_run(ledger, "backtest", as_of=day, data_as_of=instant)
    write_backtests(ledger, run_id, rows)
    publish_run(ledger, run_id)
    return run_id


def _show_accuracy(console: Console, accuracy: Sequence[AccuracyRow]) -> None:
    columns = ["leg", "WAPE", "bias", "interval score", "width", "covered", "vintages", "quarters"]
    rows = [
        [
            row.leg,
            f"{row.wape:.1%}",
            f"{row.bias:+.1%}",
            f"{row.interval_score:.3f}",
            f"{row.width:.1%}",
            f"{row.covered:.0%}",
            row.vintages_count,
            row.quarters_count,
        ]
        for row in accuracy
        if row.node == "total" and row.week is None
    ]
    console.table("quarter revenue, total, all weeks of past quarters", columns, rows)
