"""The steps of a time column: whole numbers, months, days or seconds, told by the column itself.

Dates that share a day of the month, or all end a month, are counted in months; others in days, or
in seconds when they carry a time of day. A step is the greatest common divisor of all differences,
so a missing date never changes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle.errors import DataError

IntArray = NDArray[np.int64]
Unit = Literal["number", "month", "month end", "day", "second"]
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Calendar:
    """How positions on the time axis and values of ``ds`` become each other.

    Attributes
    ----------
    unit
        What one position is.
    step
        Positions from one value of a series to the next, at least 1.
    day
        Day of the month the dates of unit ``month`` fall on.
    """

    unit: Unit
    step: int = 1
    day: int = 1

    def dates(self, positions: IntArray) -> pd.Series:
        """Return the values of ``ds`` at positions, shape (n,)."""
        if self.unit == "number":
            return pd.Series(positions)
        if self.unit == "day":
            return pd.Series(positions.astype("datetime64[D]").astype("datetime64[ns]"))
        if self.unit == "second":
            return pd.Series(positions.astype("datetime64[s]").astype("datetime64[ns]"))
        later = 1 if self.unit == "month end" else 0
        first = (positions + later).astype("datetime64[M]").astype("datetime64[D]")
        days = -1 if later else self.day - 1
        return pd.Series((first + days).astype("datetime64[ns]"))


def read_positions(ds: pd.Series) -> tuple[IntArray, Calendar]:
    """Turn a column of times into positions, and say what they are.

    Parameters
    ----------
    ds
        Whole numbers, dates, or text that reads as ISO dates; no nulls. Times with a zone are
        taken in UTC.

    Returns
    -------
    tuple
        Positions, shape (n,), and the calendar, its step still 1.

    Raises
    ------
    DataError
        The column is neither.
    """
    if pd.api.types.is_integer_dtype(ds.dtype):
        return ds.to_numpy(dtype=np.int64), Calendar("number")
    if pd.api.types.is_float_dtype(ds.dtype):
        whole = ds.to_numpy(dtype=np.float64)
        if (whole == np.round(whole)).all():
            return whole.astype(np.int64), Calendar("number")
        raise DataError("ds has fractions", "whole numbers or dates", "number the steps 1, 2, 3 …")
    return _dated(_read_dates(ds))


def _read_dates(ds: pd.Series) -> NDArray[np.datetime64]:
    try:
        times = pd.to_datetime(ds, utc=True, format=None if _is_date(ds) else "ISO8601")
    except (ValueError, TypeError) as error:
        raise DataError(
            f"ds cannot be read: {error}", "whole numbers or ISO dates", "write 2026-01-31"
        ) from error
    return times.dt.tz_localize(None).to_numpy(dtype="datetime64[s]")


def _is_date(ds: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(ds.dtype))


def _dated(times: NDArray[np.datetime64]) -> tuple[IntArray, Calendar]:
    seconds = times.astype(np.int64)
    if (seconds % DAY_SECONDS).any():
        return seconds, Calendar("second")
    days = times.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    ends = ((days + 1).astype("datetime64[M]") > months).all()
    several = len(np.unique(months)) > 1
    # the 29th and later are missing from some months, so only earlier days name a month's date
    if several and (day == day[0]).all() and day[0] <= 28:
        return months.astype(np.int64), Calendar("month", day=int(day[0]))
    if several and ends:
        return months.astype(np.int64), Calendar("month end")
    return days.astype(np.int64), Calendar("day")
