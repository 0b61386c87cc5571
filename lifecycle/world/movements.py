"""The books of contracts while a world is made: lines, and every movement of theirs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.seams import subscription_name
from lifecycle.world.state import NEVER, Ints
from lifecycle.world.trace import KINDS, MOVEMENT, Lines, Records

LINE_KINDS: dict[str, Any] = {
    "account": np.int32,
    "product": np.int8,
    "started_day": np.int32,
    "ended_day": np.int32,
    "term_months": np.int16,
    "notice_days": np.int16,
    "billing_months": np.int16,
    "payment_terms_days": np.int16,
    "auto_renew": np.bool_,
    "discount_share": np.float32,
    "deal": np.int32,
}


class Books:
    """Lines and movements, both only ever added to."""

    def __init__(self) -> None:
        self._lines = {name: np.empty(0, kind) for name, kind in LINE_KINDS.items()}
        self._movements: list[Records] = []

    def open_lines(self, count: int, **columns: npt.ArrayLike) -> Ints:
        """Add contract lines and return their rows.

        Parameters
        ----------
        count
            How many.
        columns
            Values by column of ``Lines``, arrays or single values; ``ended_day`` and ``deal`` may
            be left out.
        """
        first = len(self._lines["account"])
        given: dict[str, Any] = {"ended_day": NEVER, "deal": -1, **columns}
        for name, kind in LINE_KINDS.items():
            added = np.broadcast_to(np.asarray(given[name]), (count,)).astype(kind)
            self._lines[name] = np.concatenate([self._lines[name], added])
        return np.arange(first, first + count)

    def end_lines(self, lines: Ints, days: npt.ArrayLike) -> None:
        """Set the first day on which lines live no more; ``NEVER`` takes an end back."""
        self._lines["ended_day"][lines] = days

    def line_facts(self, name: str, lines: Ints) -> npt.NDArray[Any]:
        """Return one column of chosen lines."""
        facts: npt.NDArray[Any] = self._lines[name][lines]
        return facts

    def write_movements(self, kind: str, **columns: npt.ArrayLike) -> None:
        """Add movements of one kind.

        Parameters
        ----------
        kind
            One of ``KINDS``.
        columns
            Values by field of ``MOVEMENT``, arrays or single values, ``line`` an array.
        """
        rows = np.zeros(len(np.atleast_1d(columns["line"])), MOVEMENT)
        rows["kind"], rows["deal"] = KINDS.index(kind), -1
        for name, values in columns.items():
            rows[name] = values
        if len(rows):
            self._movements.append(rows)

    def close(self) -> tuple[Lines, Records]:
        """Return all lines, and all movements in the order in which they were decided."""
        count = len(self._lines["account"])
        names = np.array([subscription_name(line) for line in range(count)], dtype=object)
        columns = {one.name: self._lines.get(one.name, names) for one in fields(Lines)}
        rows = np.concatenate(self._movements or [np.zeros(0, MOVEMENT)])
        order = np.argsort(rows["decided_day"], kind="stable")
        return Lines(**columns), rows[order]
