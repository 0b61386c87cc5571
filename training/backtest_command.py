"""The command ``truecast backtest``: past forecasts into the ledger, beside what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from ledger.books import Book, VintageRow, write_books
from ledger.engine import open_ledger
from ledger.runs import begin_run, publish_run
from lifecycle.console import Console
from lifecycle.history import open_history
from lifecycle.settings import Settings
from models import accuracy
from models.forecast.conclude import Concluded
from models.forecast.grid import MEDIAN, interval
from models.forecast.telling import tell_forecast, tell_rows
from training.backtest import Backtest, backtest_origins, run_backtest
from training.datasets import check_current
from training.side_by_side import Ground, make_side_by_side

LEVEL = 0.8


@dataclass(frozen=True)
class LegAccuracy:
    """How right a leg was at the total, over all weeks of the quarters that have ended.

    Attributes
    ----------
    wape, bias
        Of the median: sum of absolute errors, and of errors, over the sum of actuals.
    width, covered, interval_score
        Of P10 to P90, mean width and score as shares of the mean actual.
    vintages, quarters
        Forecasts scored, and quarters behind them: weeks of one quarter share one outcome.
    """

    target: str
    leg: str
    wape: float
    bias: float
    interval_score: float
    width: float
    covered: float
    vintages: int
    quarters: int


def backtest_into_ledger(settings: Settings, console: Console, *, day: date, quarters: int) -> None:
    """Forecast every past quarter from every past week, write the run, and show how right it was.

    Raises
    ------
    NotEnoughHistoryError
        No week has enough history.
    DataError
        The newest order is long before the day.
    """
    check_current(open_history(settings.lake_dir, zone=settings.zone).as_of(day))
    ground = Ground(settings.lake_dir, settings.zone, settings.calendar, settings.currency, day)
    origins = backtest_origins(quarters=quarters, calendar=settings.calendar, as_of=day)
    with console.progress("backtest", len(origins)) as ticker:
        kept = settings.data_dir / "backtests"
        raws = make_side_by_side(ground, origins, kept=kept, ticker=ticker)
        found = run_backtest(ground.open(), origins, as_of=day, raws=raws)
    run_id = _write(found, settings, day)
    rows = summarise(found)
    _show(console, rows)
    console.emit({"run_id": run_id, "accuracy": [asdict(row) for row in rows]})


def summarise(found: Backtest) -> list[LegAccuracy]:
    """Return how right every leg was at each target's total, targets and legs in their order."""
    said: dict[tuple[str, str], list[tuple[Concluded, float]]] = {}
    for forecast in found.forecasts:
        actual = found.actual(forecast).get("total")
        if actual:  # of a quarter without any money no share can be told
            for leg in forecast.legs:
                said.setdefault((forecast.raw.target, leg), []).append((forecast, actual))
    return [_measure(target, leg, rows) for (target, leg), rows in said.items()]


def _measure(target: str, leg: str, rows: Sequence[tuple[Concluded, float]]) -> LegAccuracy:
    actual = np.array([known for _, known in rows])
    grid = np.stack([one.legs[leg].grid_minor[0] for one, _ in rows])
    low, high = interval(grid, LEVEL)
    size = float(np.abs(actual).mean())
    gap = grid[:, MEDIAN] - actual
    return LegAccuracy(
        target=target,
        leg=leg,
        wape=float(np.abs(gap).mean() / size),
        bias=float(gap.mean() / size),
        interval_score=accuracy.interval_score(actual, low, high, level=LEVEL) / size,
        width=float((high - low).mean() / size),
        covered=float(((low <= actual) & (actual <= high)).mean()),
        vintages=len(rows),
        quarters=len({one.raw.quarter for one, _ in rows}),
    )


def _write(found: Backtest, settings: Settings, day: date) -> int:
    snapshot = open_history(settings.lake_dir, zone=settings.zone).as_of(day)
    ledger = open_ledger(settings.ledger_address)
    run_id = begin_run(ledger, "backtest", as_of=day, data_as_of=snapshot.as_of)
    write_books(
        ledger,
        run_id,
        (_book(one, snapshot.version, settings.currency) for one in found.forecasts),
    )
    publish_run(ledger, run_id)
    return run_id


def _book(concluded: Concluded, version: str, currency: str) -> Book:
    rows = [VintageRow.of_grid(**row) for row in tell_rows(concluded)]
    told: dict[str, Any] = tell_forecast(concluded)
    return Book(**told, data_hash=version, currency=currency, rows=rows)


def _show(console: Console, rows: Sequence[LegAccuracy]) -> None:
    columns = ["leg", "WAPE", "bias", "interval score", "width", "covered", "vintages", "quarters"]
    for target in dict.fromkeys(row.target for row in rows):
        shown = [
            [
                row.leg,
                f"{row.wape:.1%}",
                f"{row.bias:+.1%}",
                f"{row.interval_score:.3f}",
                f"{row.width:.1%}",
                f"{row.covered:.0%}",
                row.vintages,
                row.quarters,
            ]
            for row in rows
            if row.target == target
        ]
        console.table(f"{target}: total, all weeks of past quarters", columns, shown)
