"""A customer's own rate: what the last year's spend makes over the horizon, kept above zero."""

from __future__ import annotations

import numpy as np

from lifecycle.errors import FeatureMismatchError, NotEnoughHistoryError
from models.base import FloatArray
from models.columns import Frame, read_numbers

RATE_COLUMN = "spend_365d_minor"
AGE_COLUMN = "history_days"
YEAR_DAYS = 365
LEAST_DAYS = 30
FLOOR_SHARE = 0.05


def run_rate(frame: Frame, horizon_days: int) -> FloatArray:
    """Return last year's spend x horizon / 365, shape (n,), minor units, 0 for the dormant.

    While the company's facts are younger than a year, their age stands for the 365 days.

    Raises
    ------
    FeatureMismatchError
        The frame lacks the last year's spend or the age of the facts.
    """
    missing = [name for name in (RATE_COLUMN, AGE_COLUMN) if name not in frame.column_names]
    if missing:
        raise FeatureMismatchError(f"frame lacks {missing}", "columns of account_frame")
    spend, known = (np.nan_to_num(read_numbers(frame, n)) for n in (RATE_COLUMN, AGE_COLUMN))
    return np.maximum(spend, 0.0) * (horizon_days / np.clip(known, LEAST_DAYS, YEAR_DAYS))


def choose_floor(rates: FloatArray) -> float:
    """Return a twentieth of the median positive rate: what a dormant account counts as.

    Raises
    ------
    NotEnoughHistoryError
        No account spent anything in the last year.
    """
    spending = rates[rates > 0]
    if len(spending) == 0:
        raise NotEnoughHistoryError(
            "no account spent in the last year", "one or more", "ingest recent orders"
        )
    return FLOOR_SHARE * float(np.median(spending))
