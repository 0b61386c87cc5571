"""Days as whole numbers since the start of the world, and month arithmetic on arrays of them."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

DayArray = npt.NDArray[np.int32]


def shift_months(days: npt.ArrayLike, months: npt.ArrayLike, start: date) -> DayArray:
    """Move days by whole months; a day that the month lacks becomes its last.

    Always shift from the first day of a contract, not from its last renewal: the 31st would
    otherwise become the 28th for ever.

    Parameters
    ----------
    days
        Days since ``start`` (may be negative).
    months
        Months to add, broadcast against ``days``.
    start
        Day 0.

    Examples
    --------
    >>> shift_months([26, 27], 1, date(2021, 1, 4)).tolist()
    [55, 55]
    """
    origin = np.datetime64(start, "D")
    whole = origin + np.asarray(days, dtype=np.int64).astype("timedelta64[D]")
    month = whole.astype("datetime64[M]")
    of_month = (whole - month.astype("datetime64[D]")).astype(np.int64)
    target = month + np.asarray(months, dtype=np.int64).astype("timedelta64[M]")
    first = target.astype("datetime64[D]")
    length = ((target + 1).astype("datetime64[D]") - first).astype(np.int64)
    shifted = first + np.minimum(of_month, length - 1).astype("timedelta64[D]")
    moved: DayArray = (shifted - origin).astype(np.int32)
    return moved


def as_days(days: npt.ArrayLike, start: date) -> npt.NDArray[np.datetime64]:
    """Turn days since ``start`` into calendar days (``datetime64[D]``), for tables."""
    return np.datetime64(start, "D") + np.asarray(days, dtype=np.int64).astype("timedelta64[D]")
