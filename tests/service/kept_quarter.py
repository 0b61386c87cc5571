"""A ledger with one forecast of bookings that can be simulated again: inputs, units and gap."""

from __future__ import annotations

from pathlib import Path

from ledger.books import Book, VintageRow, write_books
from ledger.engine import Ledger
from ledger.forecast_inputs import Packed, write_inputs, write_items
from ledger.gaps import GapRow, write_gaps
from ledger.runs import publish_run
from models.forecast.gap.answer import Past, Shown, build_gap
from models.forecast.gap.of_bookings import BookingsAgain, bookings_ground, bookings_items
from models.forecast.grid import grid_of
from models.forecast.items import pack_items
from tests.ledger.forecast_story import book
from tests.ledger.story import new_ledger, new_run
from tests.models.forecast.gap.kept_inputs import bookings, raw_of
from tests.models.forecast.gap.quarter_story import ORIGIN, target

PERIOD = "2012Q1"
NAMED = ("bookings", PERIOD, ORIGIN)


def keep_quarter(folder: Path) -> Ledger:
    ledger = new_ledger(folder)
    again = BookingsAgain(bookings(), seed=5)
    draws = again.draws()
    raw = raw_of("bookings", draws, again.inputs.to_date_minor)
    grid = grid_of(draws)
    goal = target(amount_minor=round(float(grid[0, 10])) + 100_000)
    answer = build_gap(Shown(raw, grid, "GBP", bookings_ground(again)), [goal], Past())
    items = bookings_items(
        again.inputs, raw, served_minor=float(draws[0].mean()), won_minor={"W1": 6e5}
    )
    run_id = new_run(ledger, "forecast")
    rows = [
        VintageRow.of_grid(node, "simulation", mean_minor=float(draws[at].mean()),
                           grid_minor=grid[at], served=True)
        for at, node in enumerate(raw.nodes)
    ]  # fmt: skip
    write_books(ledger, run_id, [_book(rows)])
    write_inputs(ledger, run_id, [Packed(*NAMED, again.inputs.to_arrow())])
    write_items(ledger, run_id, [Packed(*NAMED, pack_items(items))])
    write_gaps(ledger, run_id, [GapRow(*NAMED, answer)])
    publish_run(ledger, run_id)
    return ledger


def _book(rows: list[VintageRow]) -> Book:
    return book(rows, period=PERIOD, origin=ORIGIN, week=6, served_leg="simulation")
