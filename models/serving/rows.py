"""Feature rows as JSON values, and back: what refresh keeps is what serving reads, bit for bit."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from models.columns import (
    Columns,
    Frame,
    Values,
    is_text,
    make_matrix,
    to_columns,
    to_texts,
)

Kind = Literal["number", "text"]
Value = float | str | None
DAY = "as_of"


def kinds_of(frame: Frame, unit: str) -> dict[str, Kind]:
    """Return the kind of each feature, in the order of the frame: all but the row's name and day.

    Parameters
    ----------
    unit
        The column that names a row: ``account_id`` or ``opportunity_id``.
    """
    return {
        name: "text" if is_text(frame, name) else "number"
        for name in frame.column_names
        if name not in (unit, DAY)
    }


def pack_rows(frame: Frame, unit: str) -> Iterator[tuple[str, str, list[Value]]]:
    """Yield each row's unit, digest and JSON values, in the order of `kinds_of`.

    Parameters
    ----------
    unit
        The column that names the row: ``account_id`` or ``opportunity_id``.
    """
    columns = to_columns(frame)
    features = columns.drop_columns([unit, DAY])
    kept = [_to_json(features, name) for name in features.column_names]
    units, digests = columns.values(unit).tolist(), digest_rows(features)
    for row, (name, digest) in enumerate(zip(units, digests, strict=True)):
        yield str(name), digest, [values[row] for values in kept]


def unpack_rows(kinds: Mapping[str, Kind], rows: Sequence[Sequence[Value]]) -> Columns:
    """Return JSON values of rows as columns; the reverse of `pack_rows`.

    Parameters
    ----------
    kinds
        By column, in the order of a row's values.
    """
    names, numbers = list(kinds), [at for at, one in enumerate(kinds.values()) if one == "number"]
    matrix = make_matrix(rows, numbers)
    values: dict[str, Values] = {names[at]: matrix[:, to] for to, at in enumerate(numbers)}
    for at, (name, kind) in enumerate(kinds.items()):
        if kind == "text":
            values[name] = to_texts([row[at] for row in rows])  # type: ignore[misc]
    return Columns({name: values[name] for name in names}, len(rows))


def digest_rows(columns: Columns) -> list[str]:
    """Return SHA-256 (hex) of each row's names and values, whatever the order of the columns.

    Numbers count as their eight bytes (little-endian, any NaN as one), texts as UTF-8.

    Examples
    --------
    >>> one = Columns({"a": np.array([1.0]), "b": np.array([2.0])}, 1)
    >>> two = Columns({"b": np.array([2.0]), "a": np.array([1.0])}, 1)
    >>> digest_rows(one) == digest_rows(two)
    True
    """
    arrays = columns.arrays
    names = sorted(arrays)
    texts = [name for name in names if arrays[name].dtype == object]
    numbers = [name for name in names if arrays[name].dtype != object]
    head = hashlib.sha256("\0".join([*numbers, "", *texts]).encode())
    matrix = np.empty((columns.num_rows, len(numbers)), dtype="<f8")
    for place, name in enumerate(numbers):
        matrix[:, place] = arrays[name]
    matrix[np.isnan(matrix)] = np.nan
    words = [arrays[name].tolist() for name in texts]
    digests = []
    for row in range(columns.num_rows):
        one = head.copy()
        one.update(matrix[row].tobytes())
        # a text never holds U+0000, so that missing and empty differ
        one.update("".join(f"\0{v[row]}" if v[row] is not None else "\0\0" for v in words).encode())
        digests.append(one.hexdigest())
    return digests


def _to_json(columns: Columns, name: str) -> list[Value]:
    values = columns.values(name)
    if is_text(columns, name):
        return list(values.tolist())
    # JSON has no word for what is missing or infinite: null, and a text that reads as a number
    return [
        one if math.isfinite(one) else None if math.isnan(one) else str(one)
        for one in values.tolist()
    ]
