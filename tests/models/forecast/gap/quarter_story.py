"""One quarter in its seventh week, with five past quarters that filled up in the same way."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.gap.attainment import Standing, assess
from models.forecast.gap.course import Courses
from models.forecast.grid import normal_grid
from models.forecast.targets import Aim, Target

QUARTER = Quarter(2012, 1)
ORIGIN = date(2012, 2, 12)  # six weeks in
NODES = ("total", "segment=smb")
SHARES = np.linspace(0, 1, 14)[:13]
"""A thirteenth of a quarter comes in each week."""


def target(**changed: Any) -> Target:
    given = {
        "target_id": "T1",
        "level": "company",
        "level_name": None,
        "metric": "bookings",
        "start": QUARTER.start,
        "end": QUARTER.end,
        "amount_minor": 1000,
        "currency": None,
    }
    return Target(**{**given, **changed})


def standing(**changed: Any) -> Standing:
    given = {
        "quarter": QUARTER,
        "origin": ORIGIN,
        "nodes": NODES,
        "to_date_minor": np.array([400.0, 100.0]),
        "grid_minor": normal_grid(np.array([900.0, 300.0]), np.array([100.0, 50.0])),
        "open_due_minor": np.array([2000.0, np.nan]),
        "conversion_minor": np.array([800.0, np.nan]),
    }
    return Standing(**{**given, **changed})


def courses(count: int = 5, *, noise: float = 0.0) -> Courses:
    finals = {f"2010Q{n}" if n < 5 else f"2011Q{n - 4}": 500.0 + n for n in range(1, count + 1)}
    wobble = {period: 1 + noise * (place - 2) for place, period in enumerate(finals)}
    return Courses(
        {period: {"total": final * SHARES * wobble[period]} for period, final in finals.items()},
        {period: {"total": final} for period, final in finals.items()},
    )


def assessed(aim: Target, **changed: Any) -> dict[str, Any]:
    node = changed.pop("node", "total")
    actuals = changed.pop("actuals", {})
    past = changed.pop("courses", courses())
    made = Aim(aim, node, int(aim.amount_minor or 0))
    return assess(made, standing(**changed), past, actuals)
