"""Where in the fiscal quarter a landmark lies."""

from __future__ import annotations

import numpy as np

from features.deals.days import Floats
from features.deals.facts import Rows

LAST_WEEK = 12
"""The last week of a quarter, counted from 0."""


def build_calendar_columns(rows: Rows) -> dict[str, Floats]:
    """Build the place in the quarter, each of shape (m,)."""
    week = rows.quarter_week
    month = rows.quarter_start.astype("M8[D]").astype("M8[M]").astype(np.int64) % 12
    return {
        "quarter_week": week.astype(np.float64),
        "weeks_left": (LAST_WEEK - week).astype(np.float64),
        "quarter_days_left": (rows.quarter_end - rows.day).astype(np.float64),
        "quarter_month": (month + 1).astype(np.float64),
    }
