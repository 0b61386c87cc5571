"""Instants as days of the company's zone, and the first day on which a fact could be seen."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.days import clock_changes

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SPAN = 1 << 20
"""More than any day number: `story * SPAN + day` sorts by story, then by day."""

NEVER = SPAN - 1
"""Stands for a day that does not come."""

_DAY_MICROS = 86_400_000_000
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def local_days(instants: pa.Array | pa.ChunkedArray, zone: ZoneInfo) -> Floats:
    """Return UTC instants as days since 1970-01-01 of the company's clock, with their fraction.

    Parameters
    ----------
    instants
        UTC timestamps (microseconds), length n.
    zone
        The company's zone.

    Returns
    -------
    ndarray of shape (n,)
        Days; NaN where the instant is null. Its floor is the day's number in the zone.
    """
    micros = numbers(instants.cast(pa.timestamp("us")).cast(pa.int64()))
    known = ~np.isnan(micros)
    if zone.key == "UTC" or not known.any():
        return micros / _DAY_MICROS
    changes = clock_changes(_EARLIEST, _latest(micros[known]), zone)[::-1]
    starts = np.array([second for second, _ in changes[1:]], np.float64) * 1e6
    offsets = np.array([offset for _, offset in changes], np.float64) * 1e6
    local = micros + offsets[np.searchsorted(starts, micros, side="right")]
    return np.asarray(np.where(known, local, np.nan) / _DAY_MICROS)


def _latest(micros: Floats) -> datetime:
    """Return the end of the last instant's year: few ends, so that clocks are looked up once."""
    last = min(max(float(micros.max()) / 1e6, 0.0), _LATEST.timestamp() - 1)
    return datetime(datetime.fromtimestamp(last, UTC).year + 1, 1, 1, tzinfo=UTC)


def date_days(days: pa.Array | pa.ChunkedArray) -> Floats:
    """Return calendar days as days since 1970-01-01, shape (n,); NaN where null."""
    return numbers(days.cast(pa.int32()))


def numbers(values: pa.Array | pa.ChunkedArray) -> Floats:
    """Return a numeric column as float64, shape (n,); NaN where null."""
    return np.asarray(
        values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        if isinstance(values, pa.Array)
        else values.cast(pa.float64(), safe=False).to_numpy(),
        dtype=np.float64,
    )


def seen_days(known: Floats) -> Ints:
    """Return the first day that knows a fact: strictly known before it began, shape (n,).

    Examples
    --------
    >>> seen_days(np.array([10.0, 10.5, np.nan])).tolist() == [11, 11, NEVER]
    True
    """
    return np.where(np.isnan(known), NEVER, np.floor(np.nan_to_num(known)) + 1).astype(np.int64)


def as_dates(days: Floats) -> pa.Array:
    """Return day numbers as Arrow dates, null where NaN.

    Examples
    --------
    >>> as_dates(np.array([1.0, np.nan])).to_pylist()
    [datetime.date(1970, 1, 2), None]
    """
    none = np.isnan(days)
    return pa.array(np.where(none, 0, days).astype(np.int32), pa.int32(), mask=none).cast(
        pa.date32()
    )


def day_of(day: int) -> date:
    """Return the calendar day of a day number."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + int(day))
