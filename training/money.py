"""The monthly recurring revenue of contract lines over time: first moves, and what was paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.base import FloatArray

Whole = NDArray[np.int64]
FAR = 1_000_000
"""Number of a day that never comes (counted from 1970-01-01)."""
DOWNGRADE_SHARE = 0.05
"""A smaller fall of MRR is no downgrade."""
DAYS_PER_MONTH = 365.0 / 12.0


def day_numbers(column: pa.ChunkedArray) -> Whole:
    """Return days since 1970-01-01, shape (n,); FAR where null."""
    days = pc.fill_null(column.cast(pa.int32()).cast(pa.int64()), FAR)
    return np.asarray(days.to_numpy(), dtype=np.int64)


@dataclass(frozen=True)
class MoneyPath:
    """MRR of every line as steps, sorted by line and day; every array has shape (steps,).

    Attributes
    ----------
    line, day
        Number of the line, and the day from which the step holds.
    until
        First day on which it no longer holds; FAR for the last step of a line.
    mrr, change
        MRR from that day on, and less the MRR before (minor units per month).
    """

    line: Whole
    day: Whole
    until: Whole
    mrr: FloatArray
    change: FloatArray

    @classmethod
    def read(cls, lines: pa.Table, moves: pa.Table, line_ids: pa.Array) -> Self:
        """Read lines and moves (``features.lines``); ``line_ids`` numbers the lines.

        A line without moves pays its MRR from its start to its end. One whose first move comes
        after its start (its history begins later than the contract) paid what it had before.
        """
        place = pc.index_in(moves.column("subscription_id"), value_set=line_ids)
        moves = moves.append_column("line", place).filter(pc.is_valid(place))
        steps = [_starts(lines, moves, line_ids), _moved(moves), _ends(lines, line_ids)]
        line, day, mrr = (np.concatenate([one[part] for one in steps]) for part in range(3))
        rank = np.repeat(np.arange(3), [len(one[0]) for one in steps])
        order = np.lexsort((rank, day, line))
        line, day, mrr = line[order], day[order], mrr[order].astype(np.float64)
        final = np.ones(len(line), dtype=bool)
        final[:-1] = (line[1:] != line[:-1]) | (day[1:] != day[:-1])
        line, day, mrr = line[final], day[final], mrr[final]
        follows = line[1:] == line[:-1]
        until, before = np.full(len(day), FAR, dtype=np.int64), np.zeros(len(day))
        until[:-1][follows] = day[1:][follows]
        before[1:][follows] = mrr[:-1][follows]
        return cls(line, day, until, mrr, mrr - before)

    def revenue(self, owner: Whole, day: date, count: int, *, horizon_days: int) -> FloatArray:
        """Return what the lines of each owner paid in ``[day, day + horizon_days)``.

        Parameters
        ----------
        owner
            By number of the line, the place of who holds it; -1 for nobody.
        count
            Number of owners.

        Returns
        -------
        numpy.ndarray
            Shape (count,), minor units; MRR by day, twelve months are 365 days.
        """
        at = int(np.datetime64(day, "D").astype(np.int64))
        held = owner[self.line]
        days = np.minimum(self.until, at + horizon_days) - np.maximum(self.day, at)
        paid = self.mrr * np.maximum(days, 0) / DAYS_PER_MONTH
        mine = held >= 0
        return np.rint(np.bincount(held[mine], weights=paid[mine], minlength=count))

    def first_moves(self, owner: Whole, day: date, count: int) -> dict[str, FloatArray]:
        """Return when each owner's MRR first fell by 5 % or more, and first rose, from ``day`` on.

        Returns
        -------
        dict
            ``contracted_days``, ``contract_log_ratio``, ``expanded_days``, ``expand_log_ratio``,
            each of shape (count,), NaN where it did not happen; the ratio is of the MRR after the
            move to the one before it.
        """
        at = int(np.datetime64(day, "D").astype(np.int64))
        held = owner[self.line]
        mine = np.flatnonzero(held >= 0)
        # all that came before the day is one step at its eve
        when = np.maximum(self.day[mine], at - 1)
        key = held[mine] * (2 * FAR) + when
        keys, place = np.unique(key, return_inverse=True)
        moved = np.zeros(len(keys))
        np.add.at(moved, place, self.change[mine])
        who, days = keys // (2 * FAR), keys % (2 * FAR) - at
        after = _running(moved, who)
        before = after - moved
        future = (days >= 0) & (before > 0.5)
        fell = future & (after > 0.5) & (after <= (1.0 - DOWNGRADE_SHARE) * before)
        rose = future & (moved > 0.5)
        ratio = np.log(np.maximum(after, 0.5) / np.maximum(before, 0.5))
        found: dict[str, FloatArray] = {}
        for mask, name, share in (
            (fell, "contracted_days", "contract_log_ratio"),
            (rose, "expanded_days", "expand_log_ratio"),
        ):
            found[name], found[share] = _first(mask, who, (days, ratio), count)
        return found


def _first(
    mask: NDArray[np.bool_], who: Whole, values: tuple[Whole, FloatArray], count: int
) -> tuple[FloatArray, FloatArray]:
    at = np.flatnonzero(mask)
    owners, first = np.unique(who[at], return_index=True)
    found = []
    for value in values:
        column = np.full(count, np.nan)
        column[owners] = value[at][first]
        found.append(column)
    return found[0], found[1]


def _running(moved: FloatArray, who: Whole) -> FloatArray:
    """Return sums up to each step, started anew for each owner."""
    total = np.cumsum(moved)
    first = np.append(True, who[1:] != who[:-1])[: len(who)]
    base = (total - moved)[first]
    return np.asarray(total - base[np.cumsum(first) - 1]) if len(who) else total


def _starts(
    lines: pa.Table, moves: pa.Table, line_ids: pa.Array
) -> tuple[Whole, Whole, FloatArray]:
    number = _lines_of(lines, line_ids)
    start = np.full(len(line_ids), FAR, dtype=np.int64)
    np.minimum.at(start, number, day_numbers(lines.column("started_on")))
    paid = np.zeros(len(line_ids))
    paid[number] = _amounts(lines.column("mrr_minor"))
    line, day, _ = _moved(moves)
    before = moves.column("mrr_before_minor")
    known = np.asarray(pc.is_valid(before).to_numpy(), dtype=bool)
    ahead = np.where(known, _amounts(before), _amounts(moves.column("mrr_after_minor")))
    latest_first = np.lexsort((-day, line))
    first_day = np.full(len(line_ids), FAR, dtype=np.int64)
    first_day[line[latest_first]] = day[latest_first]
    paid[line[latest_first]] = ahead[latest_first]
    told = np.flatnonzero((start < FAR) & (start < first_day))
    return told, start[told], paid[told]


def _moved(moves: pa.Table) -> tuple[Whole, Whole, FloatArray]:
    line = np.asarray(moves.column("line").to_numpy(), dtype=np.int64)
    return line, day_numbers(moves.column("moved_on")), _amounts(moves.column("mrr_after_minor"))


def _ends(lines: pa.Table, line_ids: pa.Array) -> tuple[Whole, Whole, FloatArray]:
    ended = lines.filter(pc.is_valid(lines.column("ended_on")))
    number, day = _lines_of(ended, line_ids), day_numbers(ended.column("ended_on"))
    return number, day, np.zeros(len(number))


def _lines_of(lines: pa.Table, line_ids: pa.Array) -> Whole:
    place = pc.index_in(lines.column("subscription_id"), value_set=line_ids)
    return np.asarray(place.to_numpy(), dtype=np.int64)


def _amounts(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(pc.fill_null(column, 0).to_numpy(), dtype=np.float64)
