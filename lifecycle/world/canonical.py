"""Rows of canonical tables from plain arrays; every time is a number of days since the start.

Inside the world's observables an instant is a float (whole and broken days since the trace's
start, NaN = none) and so is a day; only here do they become UTC instants and calendar days.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import find_table

DAY_SECONDS = 86_400
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]


def build_rows(name: str, start: date, columns: dict[str, Any]) -> pa.Table:
    """Return rows of a canonical table.

    Parameters
    ----------
    name
        The table.
    start
        The day that offsets count from.
    columns
        Values by column, arrays of one length or single values; instants and days as offsets in
        days (NaN = none), ``known_at`` among them; ``known_source`` is "recorded" unless given.

    Raises
    ------
    KeyError
        A column is not declared.
    """
    schema = arrow_schema(find_table(name))
    count = max(len(value) for value in columns.values() if hasattr(value, "__len__")
                and not isinstance(value, str))  # fmt: skip
    given = {"known_source": "recorded", **columns}
    unknown = set(given) - set(schema.names)
    if unknown:
        raise KeyError(f"{name} has no column {sorted(unknown)}")
    wanted = [field for field in schema if field.name in given]
    arrays = [_column(given[field.name], field.type, start=start, count=count) for field in wanted]
    return pa.Table.from_arrays(arrays, schema=pa.schema(wanted))


def _column(values: Any, kind: pa.DataType, *, start: date, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, kind)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not isinstance(values, np.ndarray):
        return pa.repeat(pa.scalar(values, kind), count)
    if pa.types.is_timestamp(kind):
        return instants(start, values)
    if pa.types.is_date32(kind):
        return days(start, values)
    if pa.types.is_integer(kind) and values.dtype.kind == "f":
        return pa.array(np.nan_to_num(values).astype(np.int64), kind, mask=np.isnan(values))
    if values.dtype.kind == "f":
        return pa.array(values.astype(np.float64), kind, mask=np.isnan(values))
    return pa.array(values, kind)


def instants(start: date, offsets: Floats) -> pa.Array:
    """Return offsets in days as UTC instants, whole seconds."""
    seconds = np.nan_to_num(np.asarray(offsets, float) * DAY_SECONDS).round().astype(np.int64)
    origin = np.datetime64(start, "us").astype(np.int64)
    micros = pa.array(origin + seconds * 1_000_000, mask=np.isnan(offsets))
    return micros.cast(pa.timestamp("us", tz="UTC"))


def days(start: date, offsets: Floats) -> pa.Array:
    """Return offsets in days as calendar days; the part of a day is dropped."""
    offsets = np.asarray(offsets, float)
    whole = np.floor(np.nan_to_num(offsets)).astype(np.int32)
    origin = np.datetime64(start, "D").astype(np.int32)
    return pa.array(whole + origin, mask=np.isnan(offsets)).cast(pa.date32())


def tags(prefix: str, *numbers: npt.NDArray[Any] | pa.Array, width: int = 0) -> pa.Array:
    """Return ids such as ``t12-3`` from numbers or texts."""
    texts = [pc.cast(pa.array(one), pa.string()) for one in numbers]
    if width:
        texts[0] = pc.utf8_lpad(texts[0], width=width, padding="0")
    return pc.binary_join_element_wise(
        pc.binary_join_element_wise(pa.scalar(prefix), texts[0], ""), *texts[1:], "-"
    )


def picked(words: Any, places: npt.NDArray[Any], *, none: Bools | None = None) -> pa.Array:
    """Return the words at the given places; null where ``none``."""
    return pa.array(list(words), pa.string()).take(pa.array(places, pa.int64(), mask=none))


def office_hours(whole_days: npt.NDArray[Any], uniform: Floats) -> Floats:
    """Return instants between 8 and 18 o'clock (UTC) of the given days."""
    return np.asarray(np.floor(whole_days) + (8 + 10 * uniform) / 24)


def calendar(start: date, offsets: npt.NDArray[Any]) -> Days:
    """Return offsets in days as NumPy days."""
    return np.asarray(np.datetime64(start, "D") + np.floor(offsets).astype(np.int64))


def add_months(first: Days, months: npt.NDArray[Any]) -> Days:
    """Return the day so many months later; the 31st becomes the last day of a shorter month."""
    month = first.astype("M8[M]")
    day_of_month = (first - month.astype("M8[D]")).astype(np.int64)
    target = month + np.asarray(months, np.int64)
    length = ((target + 1).astype("M8[D]") - target.astype("M8[D]")).astype(np.int64)
    return np.asarray(target.astype("M8[D]") + np.minimum(day_of_month, length - 1))
