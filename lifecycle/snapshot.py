"""The facts as they were known before one instant: all that features and forecasts may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa

from lifecycle.engine import Engine, Prepared
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import find_table
from lifecycle.tables.declare import Table


@dataclass(frozen=True)
class StoredTable:
    """One table's visible rows in the lake, and which clauses a reader needs.

    Attributes
    ----------
    table
        Its declaration.
    rows
        Every stored row of the listed batches, all declared columns; typed and empty if none.
    versioned
        An entity table holds more than one version of some key.
    corrected
        Some row of this event table was superseded at some time.
    filled
        Some batch brought rows of it.
    """

    table: Table
    rows: ibis.Table
    versioned: bool = False
    corrected: bool = False
    filled: bool = True


@dataclass(frozen=True)
class Snapshot:
    """What was known before ``as_of``, strictly.

    Attributes
    ----------
    as_of
        The instant we stand on (UTC).
    zone
        The company's zone, in which days begin.
    version
        Changes with the visible facts and with the instant: a cache key.
    first_ordered_at
        Earliest event clock of any order in the lake (UTC); with ``last_ordered_at`` it bounds the
        zone's clock changes that matter, and is no feature.
    last_ordered_at
        Latest event clock of any order in the lake (UTC).
    prepared
        Queries compiled once for all snapshots of one history, by name.
    """

    as_of: datetime
    zone: ZoneInfo
    version: str
    engine: Engine = field(repr=False, compare=False)
    stored: Mapping[str, StoredTable] = field(repr=False, compare=False)
    first_ordered_at: datetime | None = None
    last_ordered_at: datetime | None = None
    prepared: dict[str, Prepared] = field(default_factory=dict, repr=False, compare=False)

    @property
    def day(self) -> date:
        """The day of ``as_of`` in the company's zone."""
        return self.as_of.astimezone(self.zone).date()

    def table(self, name: str) -> ibis.Table:
        """Return a table as known before ``as_of``.

        Rows known at or after ``as_of`` and rows of unlisted batches are gone. Of an entity the
        latest version per key is left (ties: the greater ``batch_id``); of an event every row
        that was not superseded. A clause that no row needs is not in the query.

        Parameters
        ----------
        name
            A canonical table; empty and typed when the lake has no such facts.

        Raises
        ------
        TableError
            No such table is declared.
        LakeError
            Its files cannot be read.
        """
        return self.known(name, ibis.literal(self.as_of, type="timestamp('UTC', 6)"))

    def known(self, name: str, as_of: Any) -> ibis.Table:
        """Return a table as known before an instant given as an expression.

        As :meth:`table`, for queries compiled once and run at many instants: see :meth:`answer`.
        """
        stored = self.stored[find_table(name).name]
        known = stored.rows.filter(stored.rows.known_at < as_of)
        if stored.table.kind == "entity":
            return _latest(known, stored.table.key) if stored.versioned else known
        return self._without_superseded(known, stored.table, as_of) if stored.corrected else known

    def versions(self, name: str) -> ibis.Table:
        """Return every row known before ``as_of``, and since when it no longer holds.

        One snapshot thus tells what any earlier day knew: a row is visible on day ``d`` iff it
        was known before d began and ``void_at`` is null or no earlier than that; of an entity the
        latest ``known_at`` per key counts (ties: the greater ``batch_id``).

        Parameters
        ----------
        name
            A canonical table.

        Returns
        -------
        ibis.Table
            The table's columns and ``void_at`` (UTC): the earliest mark, later than the row's own
            ``known_at`` and known before ``as_of``, that supersedes it; null = it still holds.

        Raises
        ------
        TableError
            No such table is declared.
        LakeError
            Its files cannot be read.
        """
        stored = self.stored[find_table(name).name]
        as_of = ibis.literal(self.as_of, type="timestamp('UTC', 6)")
        known = stored.rows.filter(stored.rows.known_at < as_of)
        if stored.table.kind == "entity" or not stored.corrected:
            return known.mutate(void_at=ibis.null().cast("timestamp('UTC', 6)"))
        marks = self.stored["superseded"].rows
        marks = marks.filter((marks.table_name == name) & (marks.known_at < as_of))
        marks = marks.select(marked=marks.key, void_at=marks.known_at)
        told = known.select(told=known[stored.table.key[0]], told_at=known.known_at).distinct()
        later = told.inner_join(marks, [told.told == marks.marked, told.told_at < marks.void_at])
        void = later.group_by("told", "told_at").agg(void_at=later.void_at.min())
        same = [known[stored.table.key[0]] == void.told, known.known_at == void.told_at]
        return known.left_join(void, same).select(*known.columns, "void_at")

    def holds(self, name: str) -> bool:
        """Say whether any batch brought rows of a table, known by then or later.

        The same for every snapshot of a history, so that a query compiled once may leave out what
        no row needs; what was known by then is for :meth:`known` to say.
        """
        return self.stored[find_table(name).name].filled

    def collect(self, expr: Any) -> pa.Table:
        """Run a table expression over this snapshot's tables.

        Raises
        ------
        LakeError
            A file cannot be read.
        """
        return self.engine.to_arrow(expr)

    def answer(
        self,
        name: str,
        build: Callable[[], Any],
        parameters: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> pa.Table:
        """Run a named query, compiled at its first use for every snapshot of the same history.

        Parameters
        ----------
        name
            Names the query; the same name always means the same expression.
        build
            Makes the expression, from :meth:`known` and ``parameters``.
        parameters
            Name to Ibis parameter.
        values
            Name to this snapshot's value.

        Raises
        ------
        LakeError
            A file cannot be read.
        """
        if name not in self.prepared:
            self.prepared[name] = self.engine.prepare(build(), parameters)
        return self.prepared[name].to_arrow(values)

    def _without_superseded(self, known: ibis.Table, table: Table, as_of: Any) -> ibis.Table:
        """Drop the versions of an event that a correction or tombstone made void."""
        marks = self.stored["superseded"].rows
        marks = marks.filter((marks.table_name == table.name) & (marks.known_at < as_of))
        # A correction and its new row share one known_at, so the new row survives `<`.
        void = marks.group_by("key").agg(void_before=marks.known_at.max())
        joined = known.left_join(void, known[table.key[0]] == void.key)
        alive = joined.void_before.isnull() | (joined.known_at >= joined.void_before)
        return joined.filter(alive).select(*known.columns)


def _latest(rows: ibis.Table, key: tuple[str, ...]) -> ibis.Table:
    newest_first = ibis.window(
        group_by=list(key), order_by=[ibis.desc("known_at"), ibis.desc("batch_id")]
    )
    ranked = rows.mutate(version_rank=ibis.row_number().over(newest_first))
    return ranked.filter(ranked.version_rank == 0).drop("version_rank")


def empty_rows(table: Table) -> ibis.Table:
    """Return a declared table without rows, typed.

    Examples
    --------
    >>> from lifecycle.engine import open_engine
    >>> open_engine().to_arrow(empty_rows(find_table("orders"))).num_rows
    0
    """
    # A range is understood by every engine; an in-memory frame is not.
    nothing = ibis.range(0).unnest().name("row").as_table()
    schema = ibis.Schema.from_pyarrow(arrow_schema(table))
    return nothing.select(
        **{name: ibis.null().cast(kind(nullable=True)) for name, kind in schema.items()}
    )


def declared_rows(table: Table, rows: ibis.Table) -> ibis.Table:
    """Return the declared columns of stored rows; a column older than the files is null."""
    schema = ibis.Schema.from_pyarrow(arrow_schema(table))
    if tuple(rows.columns) == tuple(schema.names):
        return rows
    return rows.select(
        **{
            name: rows[name] if name in rows.columns else ibis.null().cast(kind(nullable=True))
            for name, kind in schema.items()
        }
    )
