"""A company without contracts that has sold for twenty-one months, and past forecasts of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ledger.books import Book, VintageRow
from service.refresh.place import Place
from tests.builders import build_lake
from tests.ledger.forecast_story import book, said
from tests.models.forecast.company import wavy_orders
from tests.service.refresh.company import place_of

DAY = date(2011, 7, 4)
"""Four days into 2011Q3."""


def build_sellers(folder: Path, days: int = 640) -> Place:
    """Write the lake of orders and say where it is."""
    build_lake(folder, orders=wavy_orders(days))
    return place_of(folder)


def said_before(period: str, origin: date, *, p50: float = 30_000.0, **changed: object) -> Book:
    """A book of orders from an earlier day: the combination and the year-ago rule."""
    rows: list[VintageRow] = [
        said("combined", p50, served=True),
        said("seasonal_naive", 1.1 * p50),
    ]
    given = {"target": "orders", "period": period, "origin": origin, "week": 1, "notes": {}}
    return book(rows, **{**given, **changed})
