"""What the doors print: people read tables and progress on stderr, machines read JSON on stdout."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

PIPE_WIDTH = 160
REPORT_SECONDS = 1.0
SHORT_CELL = 12
"""Characters up to which a column is never narrowed."""
LONG_CELL = 40
"""Characters from which a cell is wrapped rather than cut."""


class Ticker(Protocol):
    """Something that counts work done."""

    def advance(self, amount: float = 1) -> None:
        """Count ``amount`` more units of work as done."""


class SilentTicker:
    """A ticker that shows nothing; the default of library calls."""

    def advance(self, amount: float = 1) -> None:
        """Do nothing."""


class _BarTicker:
    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: float = 1) -> None:
        self._progress.advance(self._task, amount)


class _LineTicker:
    """A ticker for a program that listens: one line of JSON whenever a second has passed."""

    def __init__(self, handle: int, what: str, total: float | None) -> None:
        self._handle, self._what, self._total = handle, what, total
        self._done, self._told_at = 0.0, float("-inf")
        self.advance(0)

    def advance(self, amount: float = 1) -> None:
        self._done += amount
        if time.monotonic() - self._told_at < REPORT_SECONDS:
            return
        self._told_at = time.monotonic()
        told = {"what": self._what, "done": self._done, "total": self._total}
        with suppress(OSError):  # who listened has gone: the work goes on
            os.write(self._handle, f"{json.dumps(told)}\n".encode())


_listener: list[int] = []


def report_to(handle: int) -> None:
    """Write progress as lines of JSON to an open file instead of showing bars.

    Each line has ``what``, and ``done`` of ``total`` units (``null`` where it is not known).
    """
    _listener[:] = [handle]


class Console:
    """One command's voice.

    Parameters
    ----------
    json_mode
        ``True`` (``--json``): results go to stdout as one JSON document, everything else to stderr.
    """

    def __init__(self, json_mode: bool = False) -> None:
        self.json_mode = json_mode
        # a pipe or a log has no width: tables are then as wide as they need to be
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self._err = RichConsole(stderr=True, highlight=False, soft_wrap=True)
        self._out = RichConsole(highlight=False, soft_wrap=True, width=width)

    def say(self, text: str) -> None:
        """Print one line for people; stderr in ``--json`` mode."""
        (self._err if self.json_mode else self._out).print(text, markup=False)

    def mark(self, *, synthetic: bool) -> None:
        """Say so if the facts are made up."""
        if synthetic:
            self.say("SYNTHETIC: these facts are made up by the world generator")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table for people; nothing in ``--json`` mode."""
        if self.json_mode:
            return
        cells = [[_cell(value) for value in row] for row in rows]
        shown = Table(title=title, title_justify="left")
        for index, column in enumerate(columns):
            length = max(len(text) for text in (column, *[row[index] for row in cells]))
            shown.add_column(
                column,
                justify="left" if index == 0 else "right",
                no_wrap=length <= LONG_CELL,
                # beside a sentence, a narrow column would be squeezed away altogether
                min_width=min(length, SHORT_CELL),
            )
        for row in cells:
            shown.add_row(*row)
        self._out.print(shown)

    def emit(self, document: Mapping[str, Any] | Sequence[Any]) -> None:
        """Write the result as JSON on stdout in ``--json`` mode; nothing otherwise.

        Raises
        ------
        ValueError
            A number is not finite.
        """
        if self.json_mode:
            self._out.file.write(json.dumps(document, default=str, allow_nan=False) + "\n")
            self._out.file.flush()

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Ticker]:
        """Show a bar on stderr while the block runs; ``total`` in the ticker's units."""
        if _listener:
            yield _LineTicker(_listener[0], description, total)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._err, transient=False) as bar:
            yield _BarTicker(bar, bar.add_task(description, total=total))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)
