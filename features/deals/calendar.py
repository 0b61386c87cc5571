"""Where in the fiscal quarter a landmark lies."""

from __future__ import annotations

import numpy as np

from features.deals.days import Floats
from features.deals.facts import Rows

MONTH_TOLD = 15
"""Days into a quarter at which its month is read: a quarter of weeks may begin just before it."""


def build_calendar_columns(rows: Rows) -> dict[str, Floats]:
    """Build the place in the quarter, each of shape (m,)."""
    week = rows.quarter_week
    month = (rows.quarter_start + MONTH_TOLD).astype("M8[D]").astype("M8[M]").astype(np.int64) % 12
    return {
        "quarter_week": week.astype(np.float64),
        "weeks_left": (rows.last_week - week).astype(np.float64),
        "quarter_days_left": (rows.quarter_end - rows.day).astype(np.float64),
        "quarter_month": (month + 1).astype(np.float64),
    }
