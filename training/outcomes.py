"""What became of contracts after past days: when the decision to leave fell, and what they paid.

The decision counts, not its effect: a notice is the decision, and where none is on record a
non-renewal was decided at its notice deadline (``features.lines``). An account leaves when its
last live line does; a line that goes while another stays is a contraction. A line that begins
within the grace of thirty days carries the account on, and so does the account it was merged into:
merged accounts are not churn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.ends import GRACE_DAYS
from features.lines import build_lines, build_moves
from lifecycle.snapshot import Snapshot
from training.money import FAR, MoneyPath, day_numbers

Per = Literal["account", "subscription"]
Whole = NDArray[np.int64]
KEYS: Mapping[Per, str] = {"account": "account_id", "subscription": "subscription_id"}
_STEP = 4 * FAR
"""More than any day: unit number times this plus a day sorts by unit, then day."""


def build_live_lines(snapshot: Snapshot) -> pa.Table:
    """Build subscription_id and account_id of the lines that live on the snapshot's day.

    Live on D: started before D, and not ended before D, as far as was known.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return _live(build_lines(snapshot), snapshot.day)


def build_outcomes(
    known: Snapshot,
    days: Sequence[date],
    *,
    per: Per = "account",
    held: Mapping[date, pa.Table] | None = None,
    lag_days: int = 0,
) -> dict[date, pa.Table]:
    """Build what happened after each past day, as known at a snapshot.

    Parameters
    ----------
    known
        The facts known where training stands; later arrivals are not in it.
    days
        Past days D.
    per
        Unit: ``account`` or ``subscription`` (contract line).
    held
        By day, who held which live line as known *then* (`build_live_lines`); without it, as known
        now. Merges known later make the difference.
    lag_days
        Days that pass until a decision is on record; they are not counted as observed.

    Returns
    -------
    dict
        By day, one row per unit with a live line, sorted by the key column ``account_id`` or
        ``subscription_id``. All float64 and NaN where nothing is known: ``decided_days`` and
        ``effective_days`` from D to the decision to leave and to its effect (below 0: before D),
        ``contracted_days`` and ``contract_log_ratio`` of the first fall of MRR by 5 % or more that
        leaves something, ``expanded_days`` and ``expand_log_ratio`` of its first rise,
        ``observed_days`` from D to the snapshot less the lag. ``cause`` (string) is nonrenewal,
        midterm or involuntary. ``is_kept`` (bool): not decided before D, and still a contract as
        known now; other rows are neither learned from nor judged.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    book = _Book.read(known, per)
    found = {}
    for day in days:
        rows = book.rows(day, held)
        end = book.find_end(rows, day)
        observed = np.full(len(rows.ids), float((known.day - day).days - lag_days))
        found[day] = pa.table(
            {
                KEYS[per]: rows.ids,
                **end,
                **{
                    name: pa.array(values)
                    for name, values in book.money.first_moves(rows.owner, day, rows.count).items()
                },
                "observed_days": pa.array(observed),
            }
        )
    return found


def build_revenue_label(
    known: Snapshot,
    days: Sequence[date],
    *,
    horizon_days: int,
    per: Per = "account",
    held: Mapping[date, pa.Table] | None = None,
) -> dict[date, pa.Table]:
    """Build what each unit's lines paid in ``[D, D + horizon_days)``: MRR by day, a year has 365.

    Returns
    -------
    dict
        By day, the key column and ``revenue_minor`` (float64), rows as in `build_outcomes`.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    book = _Book.read(known, per)
    found = {}
    for day in days:
        rows = book.rows(day, held)
        paid = book.money.revenue(rows.owner, day, rows.count, horizon_days=horizon_days)
        found[day] = pa.table({KEYS[per]: rows.ids, "revenue_minor": pa.array(paid)})
    return found


@dataclass(frozen=True)
class _Rows:
    """Units of one day: ids, their number in the book, and per line of the book its row or -1."""

    ids: pa.Array
    unit: Whole
    owner: Whole

    @property
    def count(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class _Book:
    """All lines known, and the spans over which each unit lived without a gap over the grace."""

    per: Per
    lines: pa.Table
    line_ids: pa.Array
    line_unit: Whole
    unit_ids: pa.Array
    money: MoneyPath
    first: Whole
    end: Whole
    decided: Whole
    cause: pa.Array

    @classmethod
    def read(cls, known: Snapshot, per: Per) -> Self:
        lines = build_lines(known)
        line_ids = _sorted_ids(lines.column("subscription_id"))
        unit_ids = _sorted_ids(lines.column(KEYS[per]))
        unit = _places(lines.column(KEYS[per]), unit_ids)
        line_unit = np.full(len(line_ids), -1, dtype=np.int64)
        line_unit[_places(lines.column("subscription_id"), line_ids)] = unit
        spans = _join_spells(lines, unit)
        money = MoneyPath.read(lines, build_moves(known), line_ids)
        return cls(per, lines, line_ids, line_unit, unit_ids, money, *spans)

    def rows(self, day: date, held: Mapping[date, pa.Table] | None) -> _Rows:
        """Return a day's units: of lines held as known then, or else as known now."""
        lines = _live(self.lines, day) if held is None else held[day]
        ids = _sorted_ids(lines.column(KEYS[self.per]))
        row = _places(lines.column(KEYS[self.per]), ids)
        line = _places(lines.column("subscription_id"), self.line_ids)
        # a line that nobody held then belongs to whom it belongs now
        owner = _places(self.unit_ids, ids)[self.line_unit]
        owner[line[line >= 0]] = row[line >= 0]
        unit = np.full(len(ids), -1, dtype=np.int64)
        seen = np.flatnonzero(line >= 0)[::-1]
        unit[row[seen]] = self.line_unit[line[seen]]
        return _Rows(ids, unit, owner)

    def find_end(self, rows: _Rows, day: date) -> dict[str, pa.Array]:
        """Return the columns that say when and why each row's unit left."""
        at = int(np.datetime64(day, "D").astype(np.int64))
        place = np.searchsorted(self.first, rows.unit * _STEP + at, side="left") - 1
        own = (place >= 0) & (rows.unit >= 0)
        own[own] = self.first[place[own]] // _STEP == rows.unit[own]
        gone = own.copy()
        gone[own] = self.end[place[own]] < FAR
        decided, effective = np.full(rows.count, np.nan), np.full(rows.count, np.nan)
        decided[gone] = self.decided[place[gone]] - at
        effective[gone] = self.end[place[gone]] - at
        return {
            "decided_days": pa.array(decided),
            "effective_days": pa.array(effective),
            "cause": self.cause.take(pa.array(place, mask=~gone)),
            "is_kept": pa.array(own & ~(decided < 0)),
        }


def _live(lines: pa.Table, day: date) -> pa.Table:
    at = pa.scalar(day, pa.date32())
    ended = lines.column("ended_on")
    lives = pc.and_(
        pc.less(lines.column("started_on"), at),
        pc.fill_null(pc.greater_equal(ended, at), True),
    )
    return lines.filter(lives).select(["subscription_id", "account_id"])


def _join_spells(lines: pa.Table, unit: Whole) -> tuple[Whole, Whole, Whole, pa.Array]:
    """Join each unit's spells that lie at most the grace apart.

    Returns
    -------
    tuple
        Per span, by unit and first day: ``unit * _STEP + first day``, end (FAR: lives), day of the
        last decision, and that decision's cause.
    """
    if lines.num_rows == 0:
        none = np.empty(0, dtype=np.int64)
        return none, none, none, pa.array([], pa.string())
    start, end = (day_numbers(lines.column(name)) for name in ("started_on", "ended_on"))
    decided = day_numbers(lines.column("decided_on"))
    order = np.lexsort((end, start, unit))
    start, end, decided, unit = (one[order] for one in (start, end, decided, unit))
    last = np.maximum.accumulate(unit * _STEP + end) - unit * _STEP
    breaks = np.ones(len(start), dtype=bool)
    breaks[1:] = (unit[1:] != unit[:-1]) | (start[1:] > last[:-1] + GRACE_DAYS)
    at = np.flatnonzero(breaks)
    span = np.cumsum(breaks) - 1
    # the cause is that of the last decision; of two on a day, of the line that ended last
    by_decision = np.lexsort((end, decided, span))
    until = np.append(at[1:], len(start)) - 1
    final = by_decision[until]
    cause = lines.column("cause").take(pa.array(order[final])).combine_chunks()
    return (
        unit[at] * _STEP + start[at],
        last[np.append(at[1:], len(start)) - 1],
        decided[final],
        cause,
    )


def _sorted_ids(column: pa.ChunkedArray) -> pa.Array:
    found = pc.unique(column)
    return found.take(pc.array_sort_indices(found)).cast(pa.string())


def _places(values: pa.Array | pa.ChunkedArray, among: pa.Array) -> Whole:
    """Return the place of each value in a list; -1 where it is not in it."""
    place = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return np.asarray(place).astype(np.int64)
