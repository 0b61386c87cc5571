"""Charts in plain text for the terminal: ranges on one scale, and bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 56


@dataclass(frozen=True)
class Range:
    """One line of a chart of ranges: a label, a low end, a middle and a high end, in one unit."""

    label: str
    low: float
    middle: float
    high: float


def draw_ranges(rows: Sequence[Range], *, mark: float | None = None) -> list[str]:
    """Return one line per range, all on one scale.

    Parameters
    ----------
    mark
        A value to point out on every line, such as what happened or a target.

    Examples
    --------
    >>> for line in draw_ranges([Range("w0", 0, 5, 10), Range("w1", 4, 5, 6)]):
    ...     print(line)
    w0 ├───────────────────────────┃──────────────────────────┤
    w1                       ├─────┃────┤
    """
    if not rows:
        return []
    known = [value for row in rows for value in (row.low, row.high)]
    known += [] if mark is None else [mark]
    low, span = min(known), max(known) - min(known)
    left = max(len(row.label) for row in rows)
    return [f"{row.label:<{left}} {_line(row, low, span, mark=mark)}".rstrip() for row in rows]


def draw_bars(rows: Sequence[tuple[str, float, str]]) -> list[str]:
    """Return one line per (label, value from 0 up, text behind the bar), all on one scale.

    Examples
    --------
    >>> for line in draw_bars([("w0", 2.0, "n 8"), ("w1", 1.0, "n 8")]):
    ...     print(line)
    w0 ████████████████████████████████████████████████████████ n 8
    w1 ████████████████████████████ n 8
    """
    most = max((value for _, value, _ in rows), default=0.0)
    left = max((len(label) for label, _, _ in rows), default=0)
    return [
        f"{label:<{left}} {'█' * (round(WIDTH * value / most) if most > 0 else 0)} {text}".rstrip()
        for label, value, text in rows
    ]


def _line(row: Range, low: float, span: float, *, mark: float | None) -> str:
    cells = [" "] * WIDTH
    first, middle, last = (_place(one, low, span) for one in (row.low, row.middle, row.high))
    cells[first : last + 1] = "─" * (last + 1 - first)
    cells[first], cells[last] = "├", "┤"
    cells[middle] = "┃"
    if mark is not None:
        cells[_place(mark, low, span)] = "◆"
    return "".join(cells)


def _place(value: float, low: float, span: float) -> int:
    """Return the column of a value; of a scale without width all stand in the middle."""
    return round((WIDTH - 1) * (value - low) / span) if span > 0 else WIDTH // 2
