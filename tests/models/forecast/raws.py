"""Small raw forecasts for tests: a total over two segments and two owners."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.grid import normal_grid
from models.forecast.raw import BOOKINGS, Leg, RawForecast

NODES = ("total", "segment=a", "segment=b", "owner=x", "owner=y")
SHARES = np.array([1.0, 0.7, 0.3, 0.4, 0.6])
QUARTER = Quarter(2012, 1)


def leg(total: float, *, spread: float = 10.0, shares: np.ndarray = SHARES) -> Leg:
    mean = total * shares
    return Leg(mean, normal_grid(mean, spread * np.sqrt(shares)))


def raw(legs: dict[str, Leg], *, quarter: Quarter = QUARTER, week: int = 0, **more) -> RawForecast:
    given = {
        "target": BOOKINGS,
        "to_date_minor": np.zeros(len(NODES)),
        "floor_minor": np.full(len(NODES), -np.inf),
        "parts": {"closed": np.zeros(len(NODES)), "open_deals": 100 * SHARES},
        **more,
    }
    origin = quarter.start + timedelta(days=7 * week)
    return RawForecast(quarter=quarter, origin=origin, nodes=NODES, legs=legs, **given)


def actual(total: float) -> dict[str, float]:
    return dict(zip(NODES, (total * SHARES).tolist(), strict=True))
