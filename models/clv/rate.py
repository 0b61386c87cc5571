"""A customer's own rate: what the last year's spend makes over the horizon, kept above zero."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lifecycle.errors import FeatureMismatchError, NotEnoughHistoryError
from models.base import FloatArray

RATE_COLUMN = "spend_365d_minor"
YEAR_DAYS = 365
FLOOR_SHARE = 0.05


def run_rate(frame: pa.Table, horizon_days: int) -> FloatArray:
    """Return last year's spend x horizon / 365, shape (n,), minor units, 0 for the dormant.

    Raises
    ------
    FeatureMismatchError
        The frame lacks the last year's spend.
    """
    if RATE_COLUMN not in frame.column_names:
        raise FeatureMismatchError(f"frame lacks {RATE_COLUMN}", "columns of account_frame")
    spend = np.asarray(frame.column(RATE_COLUMN).cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.maximum(np.nan_to_num(spend), 0.0) * (horizon_days / YEAR_DAYS)


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
