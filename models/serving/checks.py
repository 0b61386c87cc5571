"""Whether rows that somebody sent can be scored: every fault is told, none is guessed away."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from models.columns import Columns, Values, make_matrix, to_texts
from models.serving.rows import Kind
from models.vocabulary import OTHER, OWN_NUMBER, OWN_TEXT

KEYS = frozenset(
    (
        "account_id", "opportunity_id", "subscription_id", "owner_id", "as_of", "kind", "currency",
        "team", "product_id", "close_on", "next_step_on",
    )
)  # fmt: skip
"""Columns that name a row or stand beside it: they may be left out."""
MOST_FAULTS = 10
LARGEST_WORDS = 30
_NUMBERS = frozenset((float, int, type(None)))
_TEXTS = frozenset((str, type(None)))


@dataclass(frozen=True)
class Fault:
    """Why a row cannot be scored: ``where`` and ``rule`` in a word, and what is ``expected``."""

    where: str
    rule: str
    expected: str


Faults = dict[int, list[Fault]]
"""Faults by row number; a row without any is not in it."""


@dataclass(frozen=True)
class Expected:
    """What a row of a route holds.

    Attributes
    ----------
    kinds
        By feature.
    words
        By text feature, the only values it may have; absent where the model knows what to make of
        a new one.
    """

    kinds: Mapping[str, Kind]
    words: Mapping[str, frozenset[str]]

    def read(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[Columns, Faults]:
        """Read rows of values in the order of ``names``.

        Returns
        -------
        tuple
            Columns of all rows (what is at fault is missing in them), and the faults.
        """
        faults: Faults = {}
        values: dict[str, Values] = {}
        numbers = [at for at, name in enumerate(names) if self.kinds.get(name) == "number"]
        if self._are_numbers(rows, numbers):
            matrix = make_matrix(rows, numbers)
            values = {names[at]: matrix[:, to] for to, at in enumerate(numbers)}
        for at, name in enumerate(names):
            if name in self.kinds and name not in values:
                values[name] = self._column(name, [row[at] for row in rows], faults)
        return Columns(values, len(rows)), faults

    @staticmethod
    def _are_numbers(rows: Sequence[Sequence[Any]], places: Sequence[int]) -> bool:
        """Tell whether all cells at some places are numbers or null, in one pass."""
        if len(places) < 2:
            return False
        pick, kinds = itemgetter(*places), set[type]()
        for row in rows:
            kinds.update(map(type, pick(row)))
        return kinds <= _NUMBERS

    def find_missing(self, names: Iterable[str]) -> list[str]:
        """Return the features that a whole row must name and does not; own fields may be absent."""
        given = set(names)
        return [
            name
            for name in self.kinds
            if name not in given
            and name not in KEYS
            and not name.startswith((OWN_NUMBER, OWN_TEXT))
        ]

    def fill(self, columns: Columns) -> Columns:
        """Add the features that were left out, as missing."""
        rows, given = columns.num_rows, set(columns.column_names)
        return columns.with_columns(
            {
                name: to_texts([None] * rows) if kind == "text" else np.full(rows, np.nan)
                for name, kind in self.kinds.items()
                if name not in given
            }
        )

    def _column(self, name: str, cells: Sequence[Any], faults: Faults) -> Values:
        kind, allowed = self.kinds[name], self.words.get(name)
        right = _TEXTS if kind == "text" else _NUMBERS
        if not right.issuperset(map(type, cells)):
            cells = list(cells)
            for row, cell in enumerate(cells):
                if type(cell) not in right:
                    _note(faults, row, Fault(name, "type", f"a {kind}, or null if unknown"))
                    cells[row] = None
        if kind == "number":
            return np.array(cells, dtype=np.float64)
        if allowed is not None:
            for row, cell in enumerate(cells):
                if cell is not None and cell not in allowed:
                    shown = ", ".join(sorted(allowed)[:LARGEST_WORDS])
                    _note(faults, row, Fault(name, "vocabulary", f"one of {shown}"))
        return to_texts(list(cells))


def _note(faults: Faults, row: int, fault: Fault) -> None:
    found = faults.setdefault(row, [])
    if len(found) < MOST_FAULTS:
        found.append(fault)


def find_words(parts: Mapping[str, bytes]) -> dict[str, frozenset[str]]:
    """Return, of a bundle's parts, the values of texts that have no word for a new value.

    A text that any vocabulary of the model pools or encodes takes new values by design.
    """
    words: dict[str, set[str]] = {}
    free: set[str] = set()
    for name in sorted(parts):
        if name.endswith(".json"):
            _gather(json.loads(parts[name]), words, free)
    return {name: frozenset(one) for name, one in words.items() if name not in free}


def _gather(value: Any, words: dict[str, set[str]], free: set[str]) -> None:
    if isinstance(value, list):
        for one in value:
            _gather(one, words, free)
    if not isinstance(value, dict):
        return
    for name, one in value.items():
        if isinstance(one, dict) and "fate" in one:
            free.add(name)
        elif name == "words" and isinstance(one, dict):
            for column, known in one.items():
                words.setdefault(column, set()).update(known)
                if OTHER in known:
                    free.add(column)
        else:
            _gather(one, words, free)
