"""A checked table of series: regular steps, finite values, gaps filled by a straight line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle.errors import DataError, NotEnoughHistoryError, RowsError, TableError
from models.forecast.time_series.calendar import Calendar, IntArray, read_positions

FloatArray = NDArray[np.float64]
COLUMNS = ("unique_id", "ds", "y")
MOST_MISSING = 0.5
LARGEST = 1e100
"""Squares of larger values overflow, and with them every width."""

HEADER_LINES = 2
"""A file's first row of values is its second line."""


@dataclass(frozen=True)
class Panel:
    """Series of one step, each with its own beginning and end.

    Attributes
    ----------
    ids
        Name of each series, in order of first appearance.
    values
        One array a series, oldest first, finite, without gaps.
    ends
        Shape (series,): the last known position on the calendar.
    calendar
        What a position is.
    filled
        How many missing steps were filled.
    """

    ids: tuple[Any, ...]
    values: tuple[FloatArray, ...]
    ends: IntArray
    calendar: Calendar
    filled: int = 0

    def ahead(self, horizon: int) -> pd.DataFrame:
        """Return ``unique_id`` and ``ds`` of the next steps, series by series."""
        steps = np.arange(1, horizon + 1) * self.calendar.step
        positions = (self.ends[:, None] + steps[None, :]).ravel()
        names = pd.Series(np.repeat(np.array(self.ids, dtype=object), horizon)).infer_objects()
        return pd.DataFrame({"unique_id": names, "ds": self.calendar.dates(positions)})


def read_panel(frame: Any) -> Panel:
    """Check a table of series and bring it into shape.

    Parameters
    ----------
    frame
        A pandas frame or an Arrow table with ``unique_id``, ``ds`` and ``y``, rows in any order;
        other columns are ignored. A missing step inside a series is filled on the straight line
        between its neighbours; nothing is added before the first or after the last row.

    Raises
    ------
    TableError
        A column is missing, or ``y`` is not a number.
    RowsError
        A row has no id, no time or no finite value, or a series has two rows of one time.
    DataError
        ``ds`` is neither whole numbers nor dates, or the rows of a series follow no regular step.
    NotEnoughHistoryError
        There is no row, or no step can be told because every series has one date only.
    """
    table = _read_columns(frame)
    _check_rows(table)
    positions, calendar = read_positions(table["ds"])
    table = table.assign(position=positions)
    _check_twice(table)
    groups = {
        name: group.sort_values("position")
        for name, group in table.groupby("unique_id", sort=False)
    }
    calendar = replace(calendar, step=_read_step(list(groups.values()), calendar))
    read = [_fill_gaps(name, group, calendar.step) for name, group in groups.items()]
    return Panel(
        ids=tuple(groups),
        values=tuple(read),
        ends=np.array([group["position"].iloc[-1] for group in groups.values()], dtype=np.int64),
        calendar=calendar,
        filled=sum(map(len, read)) - len(table),
    )


def _read_columns(frame: Any) -> pd.DataFrame:
    table = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise TableError(
            f"no column {missing[0]!r} (found {found})", ", ".join(COLUMNS), "rename the columns"
        )
    if not len(table):
        raise NotEnoughHistoryError("a table without rows", "one row a series and time")
    table = table[list(COLUMNS)].reset_index(drop=True)
    values = pd.to_numeric(table["y"], errors="coerce")
    wrong = values.isna() & table["y"].notna()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise TableError(f"y is {table['y'][row]!r} {_where(table, row)}", "a number", "correct it")
    return table.assign(y=values.astype(np.float64))


def _where(table: pd.DataFrame, row: int) -> str:
    name, time = table["unique_id"][row], table["ds"][row]
    return f"in line {row + HEADER_LINES} (unique_id {name}, ds {time})"


def _check_rows(table: pd.DataFrame) -> None:
    rules = (
        ("unique_id", table["unique_id"].isna(), "name its series, or leave the row out"),
        ("ds", table["ds"].isna(), "give its time, or leave the row out"),
        ("y", ~np.isfinite(table["y"]), "leave the row out: a missing step is filled"),
        ("y", table["y"].abs() > LARGEST, f"count in a larger unit: at most {LARGEST:g} is read"),
    )
    for column, wrong, todo in rules:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            more = f", {int(wrong.sum())} such rows in all" if wrong.sum() > 1 else ""
            raise RowsError(
                f"{column} is {table[column][row]} {_where(table, row)}{more}",
                "a finite number" if column == "y" else "a value in every row",
                todo,
            )


def _check_twice(table: pd.DataFrame) -> None:
    twice = table.duplicated(["unique_id", "position"])
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise RowsError(
            f"a second value {_where(table, row)}, {int(twice.sum())} such rows in all",
            "one row a series and time",
            "sum them or keep one",
        )


def _read_step(groups: Sequence[pd.DataFrame], calendar: Calendar) -> int:
    gaps = np.concatenate([np.diff(group["position"].to_numpy()) for group in groups])
    if len(gaps):
        return int(np.gcd.reduce(gaps))
    if calendar.unit == "number":
        return 1
    raise NotEnoughHistoryError(
        "every series has one date only, so no step can be told", "two dates of one series"
    )


def _fill_gaps(name: Any, group: pd.DataFrame, step: int) -> FloatArray:
    known = group["position"].to_numpy(dtype=np.int64)
    count = int((known[-1] - known[0]) // step) + 1
    if len(known) < (1.0 - MOST_MISSING) * count:
        raise DataError(
            f"unique_id {name}: {len(known)} rows on {count} steps, so no regular step is told",
            "more rows than gaps",
            "sum the values by day, week or month first",
        )
    places = known[0] + step * np.arange(count)
    return np.asarray(np.interp(places, known, group["y"].to_numpy(dtype=np.float64)))
