"""A small company whose customers order, slow down and stop: enough to train on in seconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from lifecycle.history import History, open_history
from tests.builders import Row, account, build_lake, order

FIRST, LAST = date(2010, 1, 1), date(2010, 9, 1)
ZONE = ZoneInfo("UTC")
CANARY = "anna.canary@example.com"


def build_orders(accounts_count: int = 60, seed: int = 7) -> list[Row]:
    """Orders with a pace per account and a day after which it is gone."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(accounts_count):
        pace, span = rng.gamma(2.0, 8.0) + 3.0, float((LAST - FIRST).days)
        day, gone = rng.uniform(0, 100), rng.exponential(200.0)
        worth = rng.lognormal(8.0, 0.6)
        born = day
        while day < span and day - born < gone:
            amount = int(worth * rng.lognormal(0.0, 0.3)) + 1
            rows.append(order(f"a{number}", at_day(day), amount_minor=amount))
            day += rng.exponential(pace)
    return rows


def at_day(days: float) -> datetime:
    """The instant so many days after FIRST."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=float(days))


def build_company(folder: Path, accounts_count: int = 60) -> History:
    """A lake with accounts whose names are contact data, which no model may carry."""
    named = [
        account(f"a{n}", FIRST, name=CANARY, segment="AB"[n % 2], country="GB")
        for n in range(accounts_count)
    ]
    build_lake(folder, orders=build_orders(accounts_count), accounts=named)
    return open_history(folder / "lake", zone=ZONE)
