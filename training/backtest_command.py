"""The command ``truecast backtest``: past forecasts into the ledger, beside what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from ledger.books import Book, ChanceRow, VintageRow, write_books
from ledger.engine import open_ledger
from ledger.runs import begin_run, publish_run
from ledger.vintage_scores import (
    ActualRow,
    read_unscored,
    write_actuals,
    write_vintage_scores,
)
from lifecycle.console import Console
from lifecycle.history import open_history
from lifecycle.periods import Quarter
from lifecycle.snapshot import Snapshot
from models import accuracy
from models.forecast.conclude import Concluded
from models.forecast.gap.answer import Shown, quarter_chances
from models.forecast.grid import MEDIAN, interval
from models.forecast.targets import TargetHistory, read_target_history
from models.forecast.telling import tell_forecast, tell_rows
from models.forecast.waiting import score_waiting
from training.backtest import Actuals, Backtest, backtest_origins, read_actuals, run_backtest
from training.datasets import check_current
from training.side_by_side import Ground, make_side_by_side

LEVEL = 0.8
PAST = 24
"""Ended quarters whose actuals are kept: errors are scaled by how the past varied."""


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


def backtest_into_ledger(
    ground: Ground, console: Console, *, quarters: int, kept: Path, ledger_address: str
) -> None:
    """Forecast every past quarter from every past week, write the run, and show how right it was.

    Parameters
    ----------
    ground
        The facts, and the day of the backtest.
    console
        Where it is told.
    quarters
        Ended quarters to go back.
    kept
        Folder of what is done already, should this run be stopped.
    ledger_address
        SQLAlchemy URL.

    Raises
    ------
    NotEnoughHistoryError
        No week has enough history.
    DataError
        The newest order is long before the day.
    """
    known = open_history(ground.lake_dir, zone=ground.zone).as_of(ground.as_of)
    check_current(known)
    origins = backtest_origins(quarters=quarters, calendar=ground.calendar, as_of=ground.as_of)
    engines = ground.open()
    with console.progress("backtest", len(origins)) as ticker:
        raws = make_side_by_side(ground, origins, kept=kept, ticker=ticker)
        found = run_backtest(engines, origins, as_of=ground.as_of, raws=raws)
    past = [Quarter.containing(ground.as_of, ground.calendar).shift(-n) for n in range(1, PAST + 1)]
    actuals = {str(one): read_actuals(engines, one, ground.as_of) for one in past}
    run_id = _write(found, actuals, ground, known=known, ledger_address=ledger_address)
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


def _write(
    found: Backtest,
    actuals: Mapping[str, Actuals],
    ground: Ground,
    *,
    known: Snapshot,
    ledger_address: str,
) -> int:
    ledger = open_ledger(ledger_address)
    run_id = begin_run(ledger, "backtest", as_of=ground.as_of, data_as_of=known.as_of)
    goals = read_target_history(known)
    books = (
        replace(
            _book(one, known.version, ground.currency),
            chances=_chances(one, goals, ground.currency),
        )
        for one in found.forecasts
    )
    write_books(ledger, run_id, books)
    write_actuals(ledger, run_id, _actual_rows(actuals, ground.as_of))
    for period, targets in actuals.items():
        for target, by_node in targets.items():
            waiting = read_unscored(ledger, target, period, run_id=run_id)
            scored = score_waiting(waiting, by_node)
            write_vintage_scores(ledger, run_id, scored, known_on=ground.as_of)
    publish_run(ledger, run_id)
    return run_id


def _actual_rows(actuals: Mapping[str, Actuals], day: date) -> Iterator[ActualRow]:
    for period, targets in actuals.items():
        for target, by_node in targets.items():
            for node, value in by_node.items():
                yield ActualRow(target, period, node, value, day)


def _book(concluded: Concluded, version: str, currency: str) -> Book:
    rows = [VintageRow.of_grid(**row) for row in tell_rows(concluded)]
    told: dict[str, Any] = tell_forecast(concluded)
    return Book(**told, data_hash=version, currency=currency, rows=rows)


def _chances(concluded: Concluded, targets: TargetHistory, currency: str) -> list[ChanceRow]:
    """Return the chances to reach the quarter's targets, as these were known at the origin."""
    raw, served = concluded.raw, concluded.legs[concluded.served]
    shown = Shown(raw, served.grid_minor, currency)
    return [ChanceRow(**one) for one in quarter_chances(shown, targets.known(raw.origin))]


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
