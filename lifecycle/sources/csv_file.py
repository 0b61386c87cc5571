"""CSV: one header line, rows that may hold quoted line ends, and lines that are no rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from lifecycle.errors import TableError
from lifecycle.sources.chunk import Broken, Chunk, Lines, text_table
from lifecycle.sources.mapping import SourceOptions
from lifecycle.sources.text_lines import read_blocks, to_utf8


class CsvSource:
    """A CSV file, plain or gzipped.

    Raises
    ------
    TableError
        The file is empty or unreadable, or its header names a column twice.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path, self._options = path, options
        first = next(read_blocks(path, quoted=True))
        self.columns, self._header_lines = _header(first, options.delimiter, path.name)
        self.size = path.stat().st_size

    def chunks(self, wanted: tuple[str, ...]) -> Iterator[Chunk]:
        """Yield the rows block by block."""
        line = 1
        for block in read_blocks(self._path, quoted=True):
            consumed = len(block)
            if line == 1:
                block = _without_lines(block, self._header_lines)
                line += self._header_lines
            text, repaired = to_utf8(block)
            if text:
                yield self._chunk(text, wanted, line=line, repaired=repaired, consumed=consumed)
            line += text.count(b"\n")

    def _chunk(
        self, text: bytes, wanted: tuple[str, ...], *, line: int, repaired: int, consumed: int
    ) -> Chunk:
        rows, invalid = self._parse(text, wanted)
        lines, broken = _number(rows, invalid, line)
        full = _has_value(rows)
        if not full.all():
            rows, lines = rows.filter(pa.array(full)), lines[full]
        rows = rows.select(list(wanted))
        rescued, broken = self._rescue(broken)
        if rescued:
            more = text_table({name: [row[name] for _, row in rescued] for name in wanted})
            rows = pa.concat_tables([rows, more.cast(rows.schema)])
            lines = np.append(lines, [number for number, _ in rescued])
        notes = {"cp1252_line": repaired, "blank_line": int((~full).sum())}
        return Chunk(rows, lines, tuple(broken), notes, consumed)

    def _rescue(
        self, broken: list[Broken]
    ) -> tuple[list[tuple[int, dict[str, str | None]]], list[Broken]]:
        """Take apart what a stray quote swallowed: each line by itself is a row or is not."""
        rescued: list[tuple[int, dict[str, str | None]]] = []
        lost: list[Broken] = []
        for piece in broken:
            for place, line in enumerate(piece.text.splitlines()):
                fields = next(csv.reader([line], delimiter=self._options.delimiter), [])
                if (
                    "\n" in piece.text
                    and len(fields) == len(self.columns)
                    and line.count('"') % 2 == 0
                ):
                    rescued.append(
                        (piece.line + place, dict(zip(self.columns, fields, strict=True)))
                    )
                elif line.strip():
                    lost.append(Broken(piece.line + place, piece.rule, line))
        return rescued, lost

    def _parse(
        self, text: bytes, wanted: tuple[str, ...]
    ) -> tuple[pa.Table, list[tuple[int, str]]]:
        invalid: list[tuple[int, str]] = []

        def note(row: arrow_csv.InvalidRow) -> str:
            invalid.append((row.number or 0, row.text))
            return "skip"

        # quoted line ends count for line numbers, and a line is blank if no column has a value:
        # where either may be, all columns are read
        blanks = (b"\n\n", b"\n\r", b"\n" + self._options.delimiter.encode())
        special = b'"' in text or text[:1] in b"\r\n" or any(sign in text for sign in blanks)
        include = list(self.columns) if special else list(wanted)
        rows = arrow_csv.read_csv(
            io.BytesIO(text),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(text) + 1, column_names=list(self.columns)
            ),
            arrow_csv.ParseOptions(
                delimiter=self._options.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=note,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.string()),
                include_columns=include,
                strings_can_be_null=False,
            ),
        )
        return rows, invalid


def _header(block: bytes, delimiter: str, name: str) -> tuple[tuple[str, ...], int]:
    text, _ = to_utf8(block)
    reader = csv.reader(io.StringIO(text.decode("utf-8"), newline=""), delimiter=delimiter)
    try:
        columns = tuple(column.strip() for column in next(reader))
    except (csv.Error, StopIteration) as error:
        raise TableError(f"{name}: no header ({error})", "column names in line 1") from error
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise TableError(
            f"{name}: header names {twice[0]!r} {columns.count(twice[0])} times",
            "each column once",
            "rename the columns in the export",
        )
    return columns, reader.line_num


def _without_lines(block: bytes, lines: int) -> bytes:
    start = 0
    for _ in range(lines):
        start = block.find(b"\n", start) + 1
    return block[start:]


def _number(
    rows: pa.Table, invalid: list[tuple[int, str]], first_line: int
) -> tuple[Lines, list[Broken]]:
    """Give rows and broken rows their line numbers; quoted line ends make rows longer than one."""
    total = rows.num_rows + len(invalid)
    is_row = np.ones(total, dtype=bool)
    # Arrow counts rows of a block from 1
    places = np.array([max(number - 1, 0) for number, _ in invalid], dtype=np.int64)
    is_row[places] = False
    height = np.ones(total, dtype=np.int64)
    height[is_row] += _line_ends(rows)
    height[places] += np.array([text.count("\n") for _, text in invalid], dtype=np.int64)
    start = first_line + np.concatenate([[0], np.cumsum(height)[:-1]]).astype(np.int64)
    broken = [
        Broken(int(start[place]), "wrong_column_count", text)
        for place, (_, text) in zip(places, invalid, strict=True)
        if text.strip()
    ]
    return start[is_row], broken


def _line_ends(rows: pa.Table) -> Lines:
    ends = np.zeros(rows.num_rows, dtype=np.int64)
    for column in rows.columns:
        if pc.any(pc.match_substring(column, "\n")).as_py():
            ends += pc.count_substring(column, "\n").to_numpy()
    return ends


def _has_value(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Tell the rows that hold anything at all, shape (n,)."""
    full = np.zeros(rows.num_rows, dtype=bool)
    for column in rows.columns:
        if full.all():
            break
        full |= pc.not_equal(column, "").to_numpy()
    return full
