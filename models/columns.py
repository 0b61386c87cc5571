"""The columns a model reads: numbers and texts on plain numpy, wherever they came from.

Training and refresh hold frames as Arrow tables, the web process gets JSON rows and has no Arrow.
Both are turned into `Columns` here, and a model reads nothing else: what was proven on tables is
what is served on rows. This module imports no Arrow: it only calls a table's own methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lifecycle.errors import FeatureMismatchError

if TYPE_CHECKING:
    import pyarrow as pa

FloatArray = NDArray[np.float64]
Values = NDArray[Any]
Frame: TypeAlias = "pa.Table | Columns"


class Columns:
    """Named columns of one length: floats (missing is NaN) or texts (objects, missing is None).

    Parameters
    ----------
    values
        By name an array of shape (n,), ``float64`` or ``object``; not copied.
    num_rows
        n, said apart because a frame may have no columns.
    """

    def __init__(self, values: Mapping[str, Values], num_rows: int) -> None:
        self.num_rows = num_rows
        self._values = dict(values)

    @property
    def column_names(self) -> list[str]:
        """Names in the order of the frame."""
        return list(self._values)

    @property
    def arrays(self) -> Mapping[str, Values]:
        """All columns by name: for loops over many of them, where a call each would tell."""
        return self._values

    def values(self, name: str) -> Values:
        """Return a column as it is kept, shape (n,).

        Raises
        ------
        FeatureMismatchError
            There is no such column.
        """
        if name not in self._values:
            raise FeatureMismatchError(
                f"frame lacks {name}", "the columns of the fit", "build it with this version"
            )
        return self._values[name]

    def select(self, names: Sequence[str]) -> Self:
        """Return these columns, in this order."""
        return type(self)({name: self.values(name) for name in names}, self.num_rows)

    def drop_columns(self, names: Sequence[str]) -> Self:
        """Return the other columns."""
        left = {name: one for name, one in self._values.items() if name not in names}
        return type(self)(left, self.num_rows)

    def append_column(self, name: str, values: Values) -> Self:
        """Return the frame with one more column of shape (n,), the last."""
        return type(self)({**self._values, name: values}, self.num_rows)

    def with_columns(self, values: Mapping[str, Values]) -> Self:
        """Return the frame with these columns in place of those of the same names, or added."""
        return type(self)({**self._values, **values}, self.num_rows)

    def take(self, rows: Any) -> Self:
        """Return the chosen rows (row numbers)."""
        return type(self)({name: one[rows] for name, one in self._values.items()}, len(rows))


def to_columns(frame: Frame) -> Columns:
    """Return a table's columns; `Columns` as they are.

    Days and instants become whole numbers: no model reads them, so nothing is lost by it.
    """
    if isinstance(frame, Columns):
        return frame
    values = {
        name: to_texts(read_texts(frame, name)) if is_text(frame, name) else _numbers(frame, name)
        for name in frame.column_names
    }
    return Columns(values, frame.num_rows)


def to_texts(texts: Sequence[str | None]) -> Values:
    """Return texts as a column, shape (n,)."""
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out


def make_matrix(rows: Sequence[Sequence[Any]], places: Sequence[int]) -> FloatArray:
    """Return the cells of rows at some places, shape (n, places): numbers, missing ones None."""
    if len(places) == 1:
        return np.array([[row[places[0]]] for row in rows], dtype=np.float64).reshape(-1, 1)
    pick: Callable[[Any], Any] = itemgetter(*places) if places else _nothing
    found = np.array([pick(row) for row in rows], dtype=np.float64)
    return found.reshape(len(rows), len(places))


def _nothing(_row: Any) -> tuple[()]:
    return ()


def is_text(frame: Frame, name: str) -> bool:
    """Tell whether a column holds texts; one of a table that is only nulls does not."""
    if isinstance(frame, Columns):
        return bool(frame.values(name).dtype == object)
    return str(frame.schema.field(name).type).startswith(("string", "large_string", "dictionary"))


def read_numbers(frame: Frame, name: str) -> FloatArray:
    """Return a column as floats, shape (n,); what is missing is NaN.

    Raises
    ------
    FeatureMismatchError
        There is no such column, or it holds texts.
    """
    if isinstance(frame, Columns):
        values = frame.values(name)
        if values.dtype != object:
            return values
    elif name in frame.column_names and not is_text(frame, name):
        return _numbers(frame, name)
    raise FeatureMismatchError(
        f"frame lacks the number {name}", "the columns of the fit", "build it with this version"
    )


def read_texts(frame: Frame, name: str) -> list[str | None]:
    """Return a column as texts, n of them; what is missing is None.

    Raises
    ------
    FeatureMismatchError
        There is no such column.
    """
    if not isinstance(frame, Columns):
        return list(frame.column(name).cast("string").to_pylist())
    values = frame.values(name)
    if values.dtype == object:
        return list(values.tolist())
    # an own text that nobody fills arrives as numbers, all of them missing
    return [None if np.isnan(one) else f"{one:g}" for one in values.tolist()]


def number_units(frame: Frame, name: str) -> tuple[NDArray[np.intp], list[str]]:
    """Give numbers to a column's values from 0 on in the order of their first row.

    Returns
    -------
    tuple
        Shape (n,), each row's number; and the value of each number. A missing value is one too.
    """
    return number_texts(read_texts(frame, name))


def number_texts(texts: Sequence[Any]) -> tuple[NDArray[np.intp], list[Any]]:
    """Give numbers to values from 0 on in the order of their first place; see `number_units`.

    Examples
    --------
    >>> place, words = number_texts(["b", "a", "b"])
    >>> place.tolist(), words
    ([0, 1, 0], ['b', 'a'])
    """
    known: dict[Any, int] = {}
    place = np.fromiter((known.setdefault(t, len(known)) for t in texts), np.intp, len(texts))
    return place, list(known)


def _numbers(table: pa.Table, name: str) -> FloatArray:
    column = table.column(name)
    kind = str(column.type)
    if kind.startswith(("date", "time", "duration")):
        column = column.cast("int32" if kind in ("date32[day]", "time32") else "int64")
    # a column of nulls only has a type of its own, which becomes NaN like any missing number
    return np.asarray(column.cast("float64").to_numpy(), dtype=np.float64)
