"""Columns that grow: the state of every deal, and the rows of each table as they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
Index = npt.NDArray[np.int64]


class Book:
    """State of all things of one kind ever made; a thing is its place in the columns.

    Parameters
    ----------
    dtypes
        Type by column. A column not named when things are added is zero for them.
    """

    def __init__(self, dtypes: dict[str, Any]) -> None:
        self._columns = {name: np.zeros(1024, dtype) for name, dtype in dtypes.items()}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, name: str) -> Column:
        """Return a view of one column, void once more things are added."""
        return self._columns[name][: self._count]

    def add(self, count: int, **columns: Any) -> Index:
        """Add things and return their places.

        Raises
        ------
        KeyError
            A column was not declared.
        """
        first, last = self._count, self._count + count
        room = len(self._columns[next(iter(self._columns))])
        if last > room:
            self._grow(max(last, 2 * room))
        for name, values in columns.items():
            self._columns[name][first:last] = values
        self._count = last
        return np.arange(first, last)

    def collect(self) -> dict[str, Column]:
        """Return every column, cut to the things there are."""
        return {name: column[: self._count].copy() for name, column in self._columns.items()}

    def _grow(self, room: int) -> None:
        for name, column in self._columns.items():
            grown = np.zeros(room, column.dtype)
            grown[: self._count] = column[: self._count]
            self._columns[name] = grown


class Rows:
    """Rows of one table, appended chunk by chunk and joined once at the end.

    Parameters
    ----------
    dtypes
        Type by column, so that no rows at all are still typed.
    """

    def __init__(self, dtypes: dict[str, Any]) -> None:
        self._dtypes = dtypes
        self._chunks: dict[str, list[Column]] = {name: [] for name in dtypes}

    def add(self, count: int, **columns: Any) -> None:
        """Append rows; a single value stands for all of them.

        Raises
        ------
        KeyError
            A column is missing.
        """
        if count == 0:
            return
        for name, dtype in self._dtypes.items():
            values = np.asarray(columns[name], dtype)
            # a copy: what comes in is often a view of state that will move on
            self._chunks[name].append(np.broadcast_to(values, (count,)).copy())

    def collect(self) -> dict[str, Column]:
        """Return every column."""
        return {
            name: np.concatenate([np.zeros(0, self._dtypes[name]), *chunks])
            for name, chunks in self._chunks.items()
        }
