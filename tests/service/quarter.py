"""A small company's quarter in the ledger: forecasts of two days, a record, a gap, a scenario."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from ledger.books import Book, ChanceRow, VintageRow, write_books
from ledger.engine import Ledger
from ledger.forecast_inputs import Packed, write_items
from ledger.gaps import GapRow, write_gaps
from ledger.runs import publish_run
from ledger.scenarios import write_scenario, write_scenario_run
from models.forecast.items import ForecastItems, pack_items
from tests.ledger.forecast_story import book, past_book, publish_books, publish_judged, said
from tests.ledger.gap_story import scenario, scenario_run
from tests.ledger.story import DAY, new_run
from tests.models.forecast.deals_items import items

BEFORE = DAY - timedelta(days=7)
ORDERS = "orders"
OVER, LAST = "2011Q4", date(2011, 11, 26)
"""A quarter that has ended, and the last day it was forecast from."""

GAP = {
    "main_target": "plan",
    "targets": [
        {"target_id": "plan", "node": "total", "target_minor": 11000, "attained_minor": 2000,
         "p50_minor": 10000, "gap_minor": 1000, "p_hit": 0.3}
    ],
    "left_out": [{"target_id": "euro", "why": "it is in EUR, the forecast in GBP"}],
    "levers": [
        {"lever": "win_rate", "title": "+1 point win rate", "feasibility": "high", "effort": 2,
         "delta_p50_minor": 400, "delta_p_hit": 0.05}
    ],
    "plan": {"gap_minor": 1000, "closed_minor": 400, "left_minor": 600, "closes": False,
             "steps": [{"title": "+1 point win rate", "effort": 2, "adds_minor": 400,
                        "p50_minor": 10400, "p_hit": 0.35}]},
    "pipeline": {"sentence": "new pipeline cannot close this gap; it feeds next quarter"},
    "notes": ["of one target"],
}  # fmt: skip


def answer(node: str = "total", p50: float = 10_000.0, **parts: float) -> VintageRow:
    """The served row of a node; its parts add up to the mean."""
    row = said(p50=p50, node=node, served=True)
    return replace(row, parts={**parts, "open": row.mean_minor - sum(parts.values())})


def bookings(p50: float = 10_000.0, **changed: object) -> Book:
    rows = [
        answer(p50=p50, closed=20.0),
        answer("segment=mid", p50 - 4_000.0),
        answer("segment=smb", 3_999.0),
        answer("owner=W1", p50),
        said("conversion", 9_000.0),
        said("conversion", 3_000.0, node="segment=smb"),
    ]
    chances = [ChanceRow("total", "plan", 11_000.0, 0.3)]
    return replace(book(rows, **changed), chances=chances)


def deals(day: str = "now") -> ForecastItems:
    """Two deals a week apart: one was won for more, the other slipped, a third is new."""
    if day == "before":
        units = [{"id": "D1", "x": 8_000.0}, {"id": "D2", "x": 6_000.0, "q": 0.25}]
        return items(BEFORE, *units, served=9_001.0)
    won = {"id": "D1", "x": 8_100.0, "q": 1.0, "state": "won"}
    units = [won, {"id": "D2", "x": 6_000.0, "q": 0.05, "due": False}, {"id": "D3", "x": 2_000.0}]
    return items(DAY, *units, served=10_001.0)


def fill_quarter(ledger: Ledger) -> None:
    """Forecasts of 2012Q1 as of two days, the record of eight quarters, and one that is over."""
    week_ago = {"origin": BEFORE, "week": 0}
    of_orders = {"target": ORDERS, "served_leg": "combined", "model_version": "orders-1"}
    publish_books(ledger, [book([answer(p50=500.0)], period=OVER, origin=LAST, week=12)])
    then = [
        bookings(9_000.0, **week_ago),
        book([answer(p50=100.0, to_date=10.0)], **of_orders, **week_ago),
    ]
    write_quarter(ledger, then, deals("before"))
    now = [bookings(), book([answer(p50=9_500.0, to_date=60.0)], **of_orders)]
    run_id = write_quarter(ledger, now, deals(), GAP)
    legs = {"combined": 105.0, "last_quarter": 80.0, "conversion": 90.0}
    periods = [f"{year}Q{number}" for year in (2010, 2011) for number in (1, 2, 3, 4)]
    past = [past_book(period, legs, week=week) for period in periods for week in (0, 1)]
    publish_judged(ledger, past, dict.fromkeys(periods, 100.0))
    write_scenario(ledger, scenario())
    write_scenario_run(ledger, scenario_run(run_id))


def write_quarter(
    ledger: Ledger, books: list[Book], kept: ForecastItems, gap: dict[str, object] | None = None
) -> int:
    """Publish books with the items of the first, and its gap."""
    first, run_id = books[0], new_run(ledger, "forecast", books[0].origin)
    write_books(ledger, run_id, books)
    key = (first.target, first.period, first.origin)
    write_items(ledger, run_id, [Packed(*key, pack_items(kept))])
    if gap is not None:
        write_gaps(ledger, run_id, [GapRow(*key, gap)])
    publish_run(ledger, run_id)
    return run_id
