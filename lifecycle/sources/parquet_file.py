"""Parquet: typed columns, read a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.errors import TableError
from lifecycle.sources.chunk import Chunk

CHUNK_ROWS = 131_072


class ParquetSource:
    """A Parquet file.

    Raises
    ------
    TableError
        The file is no whole Parquet file, or names a column twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
        self.columns = tuple(self._file.schema_arrow.names)
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if twice:
            raise TableError(f"{path.name}: column {twice[0]!r} twice", "each column once")
        self.size = path.stat().st_size

    def chunks(self, wanted: tuple[str, ...]) -> Iterator[Chunk]:
        """Yield the rows piece by piece.

        Raises
        ------
        TableError
            The file is damaged.
        """
        start, total = 1, max(self._file.metadata.num_rows, 1)
        try:
            for rows in self._file.iter_batches(CHUNK_ROWS, columns=list(wanted)):
                lines = np.arange(start, start + rows.num_rows, dtype=np.int64)
                start += rows.num_rows
                consumed = self.size * rows.num_rows // total
                yield Chunk(pa.Table.from_batches([rows]), lines, consumed=consumed)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self._path, error) from error


def _unreadable(path: Path, error: Exception) -> TableError:
    text = (str(error).splitlines() or [""])[0]
    return TableError(f"{path.name}: {text}", "a whole Parquet file", "export it again")
