"""Items of a few deals in one line each, for the tests of what moved."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from models.forecast.items import ForecastItems

A, B = date(2012, 1, 9), date(2012, 1, 16)
_DEFAULTS = {"kind": "deal", "state": "open", "stage": "s", "due": True, "q": 0.5, "shock": 0.0}


def items(origin: date, *units: dict[str, Any], served: float | None = None) -> ForecastItems:
    rows = [{**_DEFAULTS, **one} for one in units]
    column = {name: [row[name] for row in rows] for name in (*_DEFAULTS, "id", "x")}
    x, q, shock = (np.array(column[name], dtype=float) for name in ("x", "q", "shock"))
    expected = q * x + shock
    return ForecastItems(
        target="bookings",
        period="2012Q1",
        origin=origin,
        model_version="m",
        served_minor=float(expected.sum()) if served is None else served,
        units=tuple(column["id"]),
        kinds=tuple(column["kind"]),
        states=tuple(column["state"]),
        stages=tuple(column["stage"]),
        due=np.array(column["due"], dtype=bool),
        amount_minor=x,
        base_chance=q,
        expected_minor=expected,
    )
