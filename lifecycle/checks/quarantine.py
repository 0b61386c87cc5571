"""Where rows that broke a rule are kept: one JSON line each, with rule, reason and line number."""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from lifecycle.checks.rules import RULES, Faults
from lifecycle.sources.chunk import Broken, Chunk

LONGEST_RAW = 4_000
_EMAIL = re.compile(r"[^\s@,;\"']{1,64}@[^\s@,;\"']{1,255}")
_PHONE = re.compile(r"\+\d[\d ().-]{6,18}\d")
_NAMED = re.compile(r"(?i)e-?mail|phone|mobile|first.?name|last.?name|surname|full.?name")
_MASK = "***"


class Quarantine:
    """A file of refused rows, readable by its owner only; not there when no row was refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._handle: IO[str] | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            self._handle.close()

    @property
    def total(self) -> int:
        """Rows refused so far."""
        return self.counts.total()

    def add_broken(self, lines: Iterable[Broken]) -> None:
        """Keep lines that are no rows."""
        for line in lines:
            self._write(line.line, line.rule, "", masked_text(line.text))

    def add_rows(self, chunk: Chunk, faults: Faults) -> None:
        """Keep the rows of a chunk that broke a rule."""
        places = np.flatnonzero(faults.codes)
        if not len(places):
            return
        rows = chunk.rows.take(places).to_pylist()
        for place, row in zip(places, rows, strict=True):
            rule, column = faults.labels[faults.codes[place] - 1]
            self._write(int(chunk.lines[place]), rule, column, masked_row(row))

    def _write(self, line: int, rule: str, column: str, raw: Any) -> None:
        self.counts[rule] += 1
        if self._handle is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._handle = os.fdopen(opened, "w", encoding="utf-8")
        entry = {"line": line, "rule": rule, "column": column, "reason": RULES[rule], "row": raw}
        self._handle.write(json.dumps(entry, default=str, ensure_ascii=False) + "\n")


def masked_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with what may name or reach a person masked.

    Examples
    --------
    >>> masked_row({"id": "a@b.org", "First Name": "Ann", "total": 3.5})
    {'id': '***', 'First Name': '***', 'total': 3.5}
    """
    return {
        name: _MASK if _NAMED.search(name) and value else _masked_value(value)
        for name, value in row.items()
    }


def masked_text(text: str) -> str:
    """Return a line with e-mail addresses and telephone numbers masked, of bounded length."""
    return _PHONE.sub(_MASK, _EMAIL.sub(_MASK, text[:LONGEST_RAW]))


def _masked_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return masked_text(value) if isinstance(value, str) else value
