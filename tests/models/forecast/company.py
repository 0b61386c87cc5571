"""Small companies for the forecast's tests: as daily sales, or as a lake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from lifecycle.engine import open_engine
from lifecycle.history import History
from models.forecast.sales import Cohorts, FloatArray, Sales
from tests.builders import build_lake, order

LONDON = ZoneInfo("Europe/London")
FIRST = date(2009, 12, 1)


def sales_of(
    accounts: FloatArray, *, anonymous: FloatArray | None = None, first: date = FIRST
) -> Sales:
    """Sales from (segments, days) daily money of named accounts: one purchase a selling day."""
    accounts = np.atleast_2d(np.asarray(accounts, dtype=np.float64))
    other = np.zeros_like(accounts) if anonymous is None else np.atleast_2d(anonymous)
    days = accounts.shape[1]
    return Sales(
        first=first,
        as_of=first + timedelta(days=days),
        nodes=("total", *(f"segment=s{row}" for row in range(len(accounts)))),
        accounts_minor=_with_total(accounts),
        anonymous_minor=_with_total(other),
        purchases_count=_with_total((accounts > 0).astype(np.float64)),
        cohorts=Cohorts(np.arange(days), np.zeros(days, dtype=np.int64), accounts.sum(axis=0)),
    )


def steady(days: int, *, daily: float = 1000.0, segments: int = 2) -> Sales:
    """A company that sells the same every day."""
    return sales_of(np.full((segments, days), daily))


def wavy_orders(days: int, *, segments: Sequence[str | None] = ("a", "b"), seed: int = 1) -> list:
    """One named order a segment every third day, with a season, noise, credits and anonymity."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(0, days, 3):
        level = 1.5 + np.sin(2 * np.pi * day / 364)
        for place, segment in enumerate(segments):
            buyer = f"c{int(rng.integers(0, 8 + day // 40))}" if day % 4 else None
            amount = int(1000 * level * rng.lognormal(0, 0.3)) * (-1 if day % 33 == 0 else 1)
            rows.append(
                order(
                    buyer,
                    FIRST + timedelta(days=day),
                    amount_minor=amount,
                    segment=segment,
                    order_id=f"d{day}-{place}",
                )
            )
    return rows


def history_of(folder: Path, rows: Iterable[dict[str, Any]]) -> History:
    """A history over a fresh lake with these orders."""
    lake = build_lake(folder, orders=list(rows))
    return History(lake, open_engine(threads=1), zone=LONDON)


def _with_total(rows: FloatArray) -> FloatArray:
    return np.vstack([rows.sum(axis=0), rows])
