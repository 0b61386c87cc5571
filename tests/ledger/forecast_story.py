"""A few books of forecasts in the ledger, for the tests of the ledger and of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from ledger.books import Book, ChanceRow, VintageRow, write_books
from ledger.engine import Ledger
from ledger.runs import publish_run
from ledger.vintage_scores import (
    ActualRow,
    read_unscored,
    write_actuals,
    write_vintage_scores,
)
from models.forecast.scoring import score_grid
from tests.ledger.story import DAY, new_run

GRID = tuple(float(80 + 2 * step) for step in range(21))
"""Quantiles of a forecast of 100: P10 84, P50 100, P90 116."""


def said(
    leg: str = "combined", p50: float = 100.0, *, node: str = "total", served: bool = False
) -> VintageRow:
    """One leg's row: the grid above, moved to another median."""
    grid = [one + p50 - 100.0 for one in GRID]
    return VintageRow.of_grid(
        node, leg, mean_minor=p50 + 1.0, grid_minor=grid, served=served, to_date_minor=20.0
    )


def book(rows: Sequence[VintageRow] = (), **changed: object) -> Book:
    given: dict[str, object] = {
        "target": "bookings",
        "period": "2012Q1",
        "origin": DAY,
        "week": 1,
        "served_leg": "combined",
        "verdict": "combined is served; it beat conversion",
        "weights": {"simulation": 0.7, "conversion": 0.3},
        "notes": {"largest_deal_share": 0.2},
        "model_version": "deal_win@1",
        "data_hash": "ab" * 32,
        "currency": "GBP",
        "judged_quarters": 6,
        "rows": list(rows) or [said(served=True)],
    }
    return Book(**{**given, **changed})  # type: ignore[arg-type]


def past_book(period: str, legs: dict[str, float], *, week: int = 1, **changed: object) -> Book:
    """A book of a past quarter: what each leg said of its total; ``combined`` is served."""
    rows = [said(leg, p50, served=leg == "combined") for leg, p50 in legs.items()]
    first = date(int(period[:4]), 3 * int(period[-1]) - 2, 1)
    given = {"rows": rows, "origin": first + timedelta(weeks=week), "week": week, **changed}
    return book(period=period, **given)


def publish_books(ledger: Ledger, books: Sequence[Book], kind: str = "forecast") -> int:
    run_id = new_run(ledger, kind)
    write_books(ledger, run_id, books)
    publish_run(ledger, run_id)
    return run_id


def with_chance(one: Book, p_hit: float, target_minor: float = 90.0, name: str = "plan") -> Book:
    return replace(one, chances=[ChanceRow("total", name, target_minor, p_hit)])


def publish_judged(
    ledger: Ledger,
    books: Sequence[Book],
    actuals: Mapping[str, float],
    kind: str = "backtest",
    *,
    node: str = "total",
) -> int:
    """Publish books with what came of their periods, every vintage of them scored."""
    run_id = new_run(ledger, kind)
    write_books(ledger, run_id, books)
    target = books[0].target
    known = [ActualRow(target, period, node, actual, DAY) for period, actual in actuals.items()]
    write_actuals(ledger, run_id, known)
    for period, actual in actuals.items():
        judge(ledger, run_id, target=target, period=period, actual=actual)
    publish_run(ledger, run_id)
    return run_id


def judge(ledger: Ledger, run_id: int, *, target: str, period: str, actual: float) -> None:
    """Score the vintages of a period that the run itself wrote, all nodes against one actual."""
    found = read_unscored(ledger, target, period, run_id=run_id)
    grid = [one.quantiles for one in found]
    means = [one.mean_minor for one in found]
    to_date = [one.to_date_minor for one in found]
    scores = score_grid(grid, means, [actual] * len(found), to_date_minor=to_date)
    ids = [one.id for one in found]
    write_vintage_scores(ledger, run_id, zip(ids, scores.rows(), strict=True), known_on=DAY)


def fill_forecasts(ledger: Ledger) -> None:
    """One of everything: a served forecast with its chance of a target, and a judged backtest."""
    publish_books(ledger, [with_chance(book(), 0.7)])
    legs = {"combined": 105.0, "last_quarter": 80.0, "conversion": 90.0}
    periods = [f"{year}Q{quarter}" for year in (2010, 2011) for quarter in (1, 2, 3, 4)]
    books = [past_book(period, legs, week=week) for period in periods for week in (0, 1)]
    publish_judged(ledger, books, dict.fromkeys(periods, 100.0))
