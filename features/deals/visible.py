"""Rows of one table in a fixed order, and the landmarks on which each of them may be seen.

One reading at T serves every earlier landmark: a row is seen on day d when it was known before d
and not yet replaced or made void before d, so what comes out for d is what a snapshot of d holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.days import Floats, Ints, date_days, local_days, numbers, seen_days
from lifecycle.snapshot import Snapshot
from lifecycle.tables.catalog import find_table


@dataclass(frozen=True)
class VisibleRows:
    """Rows of one table, all versions of them.

    Attributes
    ----------
    rows
        The rows, in an order in which the later of two stands further down.
    zone
        The company's zone.
    from_day, to_day
        Seen on landmarks d with ``from_day <= d < to_day``, shape (n,), days since 1970-01-01.
    """

    rows: pa.Table
    zone: ZoneInfo
    from_day: Ints
    to_day: Ints

    def at(self, day: int) -> npt.NDArray[np.intp]:
        """Return the places of the rows seen on a landmark, in order, shape (k,)."""
        return np.flatnonzero(self.is_seen(day))

    def is_seen(self, day: int) -> npt.NDArray[np.bool_]:
        """Say of each row whether it is seen on a landmark, shape (n,)."""
        return (self.from_day <= day) & (day < self.to_day)

    def kept(self, keep: npt.NDArray[np.bool_]) -> VisibleRows:
        """Return the rows at which ``keep``, shape (n,), is true."""
        return self.taken(np.flatnonzero(keep))

    def taken(self, places: npt.NDArray[np.intp]) -> VisibleRows:
        """Return the rows at these places, in this order."""
        rows = self.rows.take(pa.array(places))
        return VisibleRows(rows, self.zone, self.from_day[places], self.to_day[places])

    def codes(self, name: str, ids: pa.Array) -> Ints:
        """Return the places of a column's values in ``ids``, -1 where absent, shape (n,)."""
        return places_in(self.rows[name], ids)

    def has(self, name: str) -> npt.NDArray[np.bool_]:
        """Say of each row whether a column is told, shape (n,)."""
        return np.asarray(self.rows[name].is_valid().to_numpy(), np.bool_)

    def floats(self, name: str) -> Floats:
        """Return a column of numbers or truth values, NaN where null, shape (n,)."""
        values = self.rows[name]
        return numbers(values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values)

    def days(self, name: str) -> Floats:
        """Return a column of days or instants as days since 1970-01-01, NaN where null."""
        values = self.rows[name]
        if pa.types.is_date(values.type):
            return date_days(values)
        return np.floor(local_days(values, self.zone))


def read_visible(
    snapshot: Snapshot,
    name: str,
    columns: Sequence[str],
    *,
    keep: Callable[[ibis.Table], Any] | None = None,
    order: Sequence[str] = (),
) -> VisibleRows:
    """Read all versions of a table's rows with the landmarks on which each may be seen.

    Parameters
    ----------
    name
        A canonical table.
    columns
        Declared columns wanted; those the table does not have are left out.
    keep
        Condition on the rows.
    order
        Columns that order the rows before the table's clocks and key do.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    table = find_table(name)
    rows = snapshot.versions(name)
    if table.kind == "entity":
        later = ibis.window(group_by=list(table.key), order_by=["known_at", "batch_id"])
        rows = rows.mutate(void_at=rows.known_at.lead().over(later))
    # after the versions are in line: one that is not wanted still ends the one before it
    rows = rows if keep is None else rows.filter(keep(rows))
    clocks = [table.event_clock] if table.kind == "event" and table.event_clock else []
    ordered = list(dict.fromkeys([*order, *clocks, "known_at", *table.key, "batch_id"]))
    wanted = dict.fromkeys([*columns, *ordered, "void_at"])
    rows = rows.select(*(column for column in wanted if column in rows.columns))
    return as_visible(snapshot, rows.order_by(*ordered))


def as_visible(snapshot: Snapshot, rows: ibis.Table) -> VisibleRows:
    """Collect rows with ``known_at`` and ``void_at``, in the order they are in.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    found = snapshot.collect(rows).combine_chunks()
    return VisibleRows(
        found,
        snapshot.zone,
        seen_days(local_days(found["known_at"], snapshot.zone)),
        seen_days(local_days(found["void_at"], snapshot.zone)),
    )


def places_in(values: Any, ids: pa.Array) -> Ints:
    """Return the places of texts in ``ids``, -1 for null and for strangers."""
    found = pc.fill_null(pc.index_in(values, value_set=ids, skip_nulls=True), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def last_of(group: Ints, count: int) -> Ints:
    """Return, for each of ``count`` groups, the place of its last row; -1 without.

    Parameters
    ----------
    group
        Group of each row, shape (n,), negative for none; later rows go over earlier ones.
    """
    last = np.full(count, -1, np.int64)
    inside = np.flatnonzero(group >= 0)
    # of a place that is repeated in an assignment, the last value stays
    last[group[inside]] = inside
    return last
