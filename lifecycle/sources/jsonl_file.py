"""JSON lines: one object a line; numbers keep their digits as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lifecycle.sources.chunk import Broken, Chunk, text_table
from lifecycle.sources.text_lines import read_blocks, to_utf8


class JsonlSource:
    """A file of JSON objects, plain or gzipped.

    The columns are those of the first block; a key that an object lacks is absent there.

    Raises
    ------
    TableError
        The file is empty or unreadable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        names: dict[str, None] = {}
        text, _ = to_utf8(next(read_blocks(path, quoted=False)))
        for line in text.split(b"\n"):
            names.update(dict.fromkeys(_object(line) or {}))
        self.columns = tuple(names)
        self.size = path.stat().st_size

    def chunks(self, wanted: tuple[str, ...]) -> Iterator[Chunk]:
        """Yield the rows block by block."""
        start = 1
        for block in read_blocks(self._path, quoted=False):
            text, repaired = to_utf8(block)
            lines = text.split(b"\n")[:-1]
            yield _chunk(lines, wanted, start=start, repaired=repaired)
            start += len(lines)


def _chunk(lines: list[bytes], wanted: tuple[str, ...], *, start: int, repaired: int) -> Chunk:
    columns: dict[str, list[str | None]] = {name: [] for name in wanted}
    numbers: list[int] = []
    broken: list[Broken] = []
    for number, line in enumerate(lines, start=start):
        if not line.strip():
            continue
        row = _object(line)
        if row is None:
            broken.append(Broken(number, "not_json", line.decode("utf-8", errors="replace")))
            continue
        numbers.append(number)
        for name in wanted:
            columns[name].append(_text(row.get(name)))
    consumed = sum(len(line) + 1 for line in lines)
    notes = {"cp1252_line": repaired}
    return Chunk(
        text_table(columns), np.array(numbers, dtype=np.int64), tuple(broken), notes, consumed
    )


def _object(line: bytes) -> dict[str, Any] | None:
    """Read one line; numbers stay text, so that no digit of money is lost."""
    try:
        row = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        # a lone surrogate cannot be stored; it is shown as a question mark
        return value if value is None else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, default=str)
