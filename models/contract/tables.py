"""Two tables that every model has to beat: who leaves by kind of contract, and by renewal window.

Shares are drawn towards the row above: a cell towards its line, a line towards all accounts, as if
``SHRINK_ROWS`` more rows had behaved like it (a Beta prior).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Self

import numpy as np
from scipy.special import logit

from lifecycle.errors import FeatureMismatchError, ModelError, NotEnoughHistoryError
from models.base import Examples, Explanation, FloatArray, Unit, check_horizon
from models.columns import Frame, read_numbers, read_texts
from models.contract.months import DEADLINE, SHORT_TERM_MONTHS, TERM
from models.contract.telling import GROUPS
from models.parts import read_part, write_part

PART = "table.json"
SHRINK_ROWS = 60.0
WINDOW_DAYS = (0.0, 30.0, 90.0, 180.0)
ANNUAL_MONTHS = 12.0
KINDS = {"base_rate": "contract", "renewal_table": "renewal"}


class ContractTable:
    """The share of accounts that decided to leave within the horizon, by line and segment.

    Parameters
    ----------
    kind
        ``base_rate``: lines are terms (any time, up to a year, longer). ``renewal_table``: lines
        are windows until the next notice deadline.
    """

    unit: Unit = "probability"

    def __init__(self, kind: str = "base_rate") -> None:
        if kind not in KINDS:
            raise ModelError(f"a table {kind!r}", f"one of {sorted(KINDS)}")
        self.kind = self.name = kind
        self.horizon_days = 0
        self._share = 0.5
        self._lines: dict[str, float] = {}
        self._cells: dict[str, float] = {}

    def fit(self, examples: Examples) -> Self:
        """Count.

        Raises
        ------
        NotEnoughHistoryError
            There is no example.
        """
        if len(examples.label) == 0:
            raise NotEnoughHistoryError("0 examples", "1 or more", "ingest a longer history")
        self.horizon_days = examples.horizon_days
        label = examples.label
        self._share = float((label.sum() + 0.5) / (len(label) + 1.0))
        lines, cells = self._keys(examples.frame)
        self._lines = _shares(lines, label, dict.fromkeys(set(lines), self._share))
        above = {cell: self._lines[line] for line, cell in zip(lines, cells, strict=True)}
        self._cells = _shares(cells, label, above)
        return self

    def predict(self, frame: Frame, *, horizon_days: int | None = None) -> FloatArray:
        """Return the share of each account's cell, shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks the segment, the term or the notice deadline.
        ModelError
            Another horizon than that of the fit.
        """
        check_horizon(self.horizon_days, horizon_days)
        return self._look_up(frame)[1]

    def explain(self, frame: Frame) -> Explanation:
        """Return log-odds: from all accounts to the line, and from the line to the segment."""
        line, cell = self._look_up(frame)
        parts = np.zeros((frame.num_rows, len(GROUPS)))
        base = float(logit(self._share))
        parts[:, GROUPS.index(KINDS[self.kind])] = logit(line) - base
        parts[:, GROUPS.index("context")] = logit(cell) - logit(line)
        return Explanation(base, GROUPS, parts, "logit", route="contractual")

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {
            "kind": self.kind,
            "horizon_days": self.horizon_days,
            "share": self._share,
            "lines": self._lines,
            "cells": self._cells,
        }
        return {PART: write_part(kept)}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from ``to_parts``.

        Raises
        ------
        BundleError
            The part is missing or wrong.
        """
        with read_part(parts, PART) as kept:
            model = cls(kept["kind"])
            model.horizon_days, model._share = int(kept["horizon_days"]), float(kept["share"])
            model._lines, model._cells = dict(kept["lines"]), dict(kept["cells"])
        return model

    def _look_up(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        """Return the shares of each account's line and cell; one never seen has that above it."""
        lines, cells = self._keys(frame)
        line = [self._lines.get(key, self._share) for key in lines]
        cell = [self._cells.get(key, up) for key, up in zip(cells, line, strict=True)]
        return np.array(line, dtype=np.float64), np.array(cell, dtype=np.float64)

    def _keys(self, frame: Frame) -> tuple[list[str], list[str]]:
        if "segment" not in frame.column_names:
            raise FeatureMismatchError("frame lacks segment", "columns of contract_frame")
        lines = name_terms(frame) if self.kind == "base_rate" else name_windows(frame)
        segments = read_texts(frame, "segment")
        return lines, [f"{line} | {one}" for line, one in zip(lines, segments, strict=True)]


def name_terms(frame: Frame) -> list[str]:
    """Return each account's kind of term: ``any time``, ``up to a year`` or ``longer``.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``term_months`` or ``notice_deadline_days``.
    """
    term, until = read_numbers(frame, TERM), read_numbers(frame, DEADLINE)
    free = ~np.isfinite(until) | (term <= SHORT_TERM_MONTHS)
    named = np.where(free, "any time", np.where(term <= ANNUAL_MONTHS, "up to a year", "longer"))
    return [str(one) for one in named]


def name_windows(frame: Frame) -> list[str]:
    """Return each account's window until its next notice deadline, as ``0-30 days``.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``term_months`` or ``notice_deadline_days``.
    """
    term, until = read_numbers(frame, TERM), read_numbers(frame, DEADLINE)
    ends = [*WINDOW_DAYS, np.inf]
    names = ["passed", *(f"{a:.0f}-{b:.0f} days" for a, b in itertools.pairwise(ends))]
    place = np.searchsorted(np.array(WINDOW_DAYS), np.nan_to_num(until), side="right")
    free = ~np.isfinite(until) | (term <= SHORT_TERM_MONTHS)
    return ["any time" if f else names[p] for f, p in zip(free, place, strict=True)]


def _shares(keys: list[str], label: FloatArray, above: Mapping[str, float]) -> dict[str, float]:
    names, place = np.unique(np.array(keys), return_inverse=True)
    rows, events = np.bincount(place), np.bincount(place, label)
    towards = np.array([above[str(name)] for name in names])
    shares = (events + SHRINK_ROWS * towards) / (rows + SHRINK_ROWS)
    return {str(name): float(share) for name, share in zip(names, shares, strict=True)}
