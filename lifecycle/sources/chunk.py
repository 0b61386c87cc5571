"""A piece of a source: its rows as the source has them, and the lines that are no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Lines = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Broken:
    """A line that cannot be read as a row: its number, the rule it breaks, its text."""

    line: int
    rule: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of a source, in order.

    Attributes
    ----------
    rows
        The source's columns that were asked for; text, or the types of a Parquet file.
    lines
        Line (CSV, JSONL) or row (Parquet, SQL) number of each row, from 1, shape (n,).
    broken
        Lines that are no rows.
    notes
        Counts of what was put right on the way, such as ``cp1252_line``.
    consumed
        Bytes of the source that this chunk took, for progress.
    """

    rows: pa.Table
    lines: Lines
    broken: tuple[Broken, ...] = ()
    notes: Mapping[str, int] = field(default_factory=dict)
    consumed: int = 0


class Source(Protocol):
    """Something that rows are read from, once, in pieces."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are there."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def chunks(self, wanted: tuple[str, ...]) -> Iterator[Chunk]:
        """Yield the rows with the columns asked for."""


def text_table(columns: dict[str, list[str | None]]) -> pa.Table:
    """Build a table of text columns."""
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
