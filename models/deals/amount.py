"""For how much a deal is won, given that it is: what becomes of the amount on the way.

Late discounts are learned, never assumed. The log of final over current amount is averaged by
segment x stage, each drawn towards its segment and that towards all deals; one factor then makes
expected money equal won money, which the mean of a log alone would not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np

from models.base import Examples, FloatArray
from models.columns import Frame, read_numbers, read_texts
from models.deals.after import After, deal_numbers
from models.deals.tables import read_stages
from models.parts import read_part, write_part

PART = "deal_amount.json"
SHRINK_DEALS = 20.0
FARTHEST = math.log(20.0)
"""A final amount is taken to be at most 20 times, at least a 20th of the current one."""
LARGEST_SHARE = 0.995
"""Amounts above this quantile count as it: one mistyped amount shall not set the factor."""
FEWEST_DEALS = 5
LARGEST_MINOR = 1e14
"""Above it (a million million of a currency with cents) an amount is taken to be mistyped."""
UNKNOWN = "segment median"
KNOWN = "deal"


class DealAmount:
    """Expected amount given win (minor units of the deal's currency)."""

    def __init__(self) -> None:
        self._all = 0.0
        self._spread = 0.0
        self._factor = 1.0
        self._segments: dict[str, float] = {}
        self._cells: dict[str, float] = {}
        self._medians: dict[str, float] = {}
        self._median = float("nan")
        self._changed = 0.0

    def fit(self, examples: Examples) -> Self:
        """Learn from landmarks of won deals; with none, the amount is taken as it stands.

        Raises
        ------
        ModelError
            The examples carry no outcomes.
        """
        after = After.read(examples)
        self._learn_medians(examples.frame, after)
        current = read_amounts(examples.frame)
        final = after.final_amount_minor
        usable = (after.won > 0) & (final > 0) & (final < LARGEST_MINOR) & (current > 0)
        rows = np.flatnonzero(usable)
        if not len(rows):
            return self
        frame, current, final = examples.frame.take(rows), current[rows], final[rows]
        moved = np.clip(np.log(final / current), -FARTHEST, FARTHEST)
        deals = 1.0 / after.rows_count[rows]
        self._all = float(deals @ moved / (deals.sum() + 1e-12))
        self._changed = float(deals @ (np.abs(moved) > 0.01) / deals.sum())
        segment, cell = _keys(frame)
        self._segments = _shrink(segment, moved, deals, np.full(len(rows), self._all))
        above = np.array([self._segments[one] for one in segment])
        self._cells = _shrink(cell, moved, deals, above)
        mean = np.array([self._cells[one] for one in cell])
        self._spread = float(np.sqrt(deals @ (moved - mean) ** 2 / deals.sum()))
        # in money: large deals weigh by their size, up to a size that one typing error cannot set
        size = np.minimum(current, np.quantile(current, LARGEST_SHARE)) * after.weights[rows]
        self._factor = float((size @ np.exp(moved)) / (size @ np.exp(mean)))
        return self

    def expect(self, frame: Frame) -> tuple[FloatArray, list[str]]:
        """Return the expected amount given win, shape (n,), and what it rests on.

        Returns
        -------
        tuple
            Minor units of each deal's currency (NaN where no deal with an amount was ever won),
            and per deal ``deal`` or, where its amount is not known, ``segment median``.

        Raises
        ------
        FeatureMismatchError
            The frame lacks stage, segment or amount.
        """
        current, ratio = read_amounts(frame), self.ratios(frame)
        segment, _ = _keys(frame)
        usual = np.array([self._medians.get(one, self._median) for one in segment], dtype=float)
        known = current > 0
        # medians are of final amounts: nothing becomes of them any more
        expected = np.where(known, current * ratio, usual)
        return expected, [KNOWN if one else UNKNOWN for one in known]

    def ratios(self, frame: Frame) -> FloatArray:
        """Return expected final over current amount given win, shape (n,).

        Raises
        ------
        FeatureMismatchError
            The frame lacks stage or segment.
        """
        segment, cell = _keys(frame)
        means = [
            self._cells.get(own, self._segments.get(above, self._all))
            for own, above in zip(cell, segment, strict=True)
        ]
        return np.asarray(np.exp(np.array(means, dtype=np.float64)) * self._factor)

    @property
    def report(self) -> dict[str, float]:
        """Return mean and standard deviation of the log ratio, and the share of changed amounts."""
        return {
            "mean_log": self._all,
            "sd_log": self._spread,
            "factor": self._factor,
            "changed_share": self._changed,
        }

    def to_parts(self) -> dict[str, bytes]:
        """Return one JSON part."""
        kept = {
            "all": self._all,
            "spread": self._spread,
            "factor": self._factor,
            "segments": self._segments,
            "cells": self._cells,
            "medians": self._medians,
            "median": None if math.isnan(self._median) else self._median,
            "changed": self._changed,
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
            made = cls()
            made._all, made._spread = float(kept["all"]), float(kept["spread"])
            made._factor, made._changed = float(kept["factor"]), float(kept["changed"])
            made._segments, made._cells = dict(kept["segments"]), dict(kept["cells"])
            made._medians = {str(one): float(kept["medians"][one]) for one in kept["medians"]}
            made._median = float("nan") if kept["median"] is None else float(kept["median"])
        return made

    def _learn_medians(self, frame: Frame, after: After) -> None:
        """Learn what won deals came to, each deal once, by segment where there are enough."""
        final = after.final_amount_minor
        usable = np.flatnonzero((final > 0) & (final < LARGEST_MINOR))
        if not len(usable):
            return
        _, first = np.unique(deal_numbers(frame)[usable], return_index=True)
        rows = usable[first]
        self._median = float(np.median(final[rows]))
        segment = np.array(_segments(frame.take(rows)))
        for name in np.unique(segment):
            own = final[rows][segment == name]
            if len(own) >= FEWEST_DEALS:
                self._medians[str(name)] = float(np.median(own))


def read_amounts(frame: Frame) -> FloatArray:
    """Return current amounts, shape (n,), minor units; NaN where none, zero or mistyped.

    Raises
    ------
    FeatureMismatchError
        The frame lacks ``amount_minor``.
    """
    amount = read_numbers(frame, "amount_minor")
    with np.errstate(invalid="ignore"):
        return np.where((amount > 0) & (amount < LARGEST_MINOR), amount, np.nan)


def _segments(frame: Frame) -> list[str]:
    if "segment" not in frame.column_names:
        return ["-"] * frame.num_rows
    return [str(one or "-") for one in read_texts(frame, "segment")]


def _keys(frame: Frame) -> tuple[list[str], list[str]]:
    segment, stage = _segments(frame), read_stages(frame)
    return segment, [f"{a} | {b}" for a, b in zip(segment, stage, strict=True)]


def _shrink(
    keys: list[str], values: FloatArray, weight: FloatArray, above: FloatArray
) -> dict[str, float]:
    names, place = np.unique(np.array(keys), return_inverse=True)
    mass = np.bincount(place, weight)
    towards = np.bincount(place, weight * above) / mass
    means = (np.bincount(place, weight * values) + SHRINK_DEALS * towards) / (mass + SHRINK_DEALS)
    return {str(name): float(mean) for name, mean in zip(names, means, strict=True)}
