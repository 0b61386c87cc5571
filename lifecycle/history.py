"""All facts of a company; ``as_of`` turns them into what was known before an instant.

Only ``lifecycle``, ``training`` and ``service.refresh`` may import this module: a feature or a
model that held a history could look ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import ibis

from lifecycle.engine import Engine, Prepared, open_engine
from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import day_start
from lifecycle.snapshot import Snapshot, StoredTable, declared_rows, empty_rows
from lifecycle.tables.catalog import TABLES, find_table

if TYPE_CHECKING:
    from lifecycle.lake import Lake


class History:
    """Every fact of the lake, as its batches were listed when the history was opened.

    Parameters
    ----------
    lake
        The facts.
    engine
        What runs the queries.
    zone
        The company's zone, in which days begin.
    """

    def __init__(self, lake: Lake, engine: Engine, *, zone: ZoneInfo) -> None:
        self.zone = zone
        self._engine = engine
        # Frozen, so that every table of one history shows the same batches.
        still = lake.frozen()
        self._version = still.version()
        self._stored = _StoredTables(still, engine)
        self._prepared: dict[str, Prepared] = {}

    @property
    def version(self) -> str:
        """Changes with the visible facts."""
        return self._version

    def as_of(self, day: date | datetime) -> Snapshot:
        """Return what was known before a day began in the company's zone, or before an instant.

        Raises
        ------
        UsageError
            The instant has no time zone.
        LakeError
            The lake's files cannot be read.
        """
        instant = self._instant(day)
        first, last = self._span or (None, None)
        return Snapshot(
            instant,
            self.zone,
            f"{self._version}@{instant.isoformat()}",
            self._engine,
            self._stored,
            first_ordered_at=first,
            last_ordered_at=last,
            prepared=self._prepared,
        )

    @property
    def first_day(self) -> date:
        """Day of the earliest order in the company's zone.

        Raises
        ------
        NotEnoughHistoryError
            There are no orders.
        """
        return self._bound(0)

    @property
    def last_day(self) -> date:
        """Day of the latest order in the company's zone.

        Raises
        ------
        NotEnoughHistoryError
            There are no orders.
        """
        return self._bound(1)

    @cached_property
    def known_sources(self) -> dict[str, int]:
        """Orders by ``known_source`` (count): how far ``known_at`` can be trusted."""
        orders = self._stored["orders"].rows
        counted = orders.group_by("known_source").agg(rows=orders.count())
        rows = self._engine.to_arrow(counted.order_by("known_source")).to_pylist()
        return {row["known_source"]: row["rows"] for row in rows}

    @cached_property
    def _span(self) -> tuple[datetime, datetime] | None:
        orders = self._stored["orders"].rows
        row = self._engine.to_arrow(
            orders.agg(first=orders.ordered_at.min(), last=orders.ordered_at.max())
        ).to_pylist()[0]
        return None if row["first"] is None else (row["first"], row["last"])

    def _bound(self, end: int) -> date:
        if self._span is None:
            raise NotEnoughHistoryError(
                "the lake has no orders", "at least one", "run truecast ingest first"
            )
        return self._span[end].astimezone(self.zone).date()

    def _instant(self, day: date | datetime) -> datetime:
        if not isinstance(day, datetime):
            return day_start(day, self.zone)
        if day.tzinfo is None:
            raise UsageError(
                f"as_of {day.isoformat()} has no time zone", "an aware instant", "add one"
            )
        return day.astimezone(UTC)


class _StoredTables(Mapping[str, StoredTable]):
    """Tables of a frozen lake, each looked up once."""

    def __init__(self, lake: Lake, engine: Engine) -> None:
        self._lake = lake
        self._engine = engine
        self._known: dict[str, StoredTable] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)

    def __getitem__(self, name: str) -> StoredTable:
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def _look_up(self, name: str) -> StoredTable:
        table = find_table(name)
        files = self._lake.superseded() if name == "superseded" else self._lake.files(name)
        if not files:
            return StoredTable(table, empty_rows(table), filled=False)
        rows = declared_rows(table, self._engine.read(files, name))
        hidden = self._lake.unlisted(name)
        if hidden:
            rows = rows.filter(rows.batch_id.notin(hidden))
        if table.kind == "entity":
            return StoredTable(table, rows, versioned=self._versioned(rows, table.key))
        if table.kind == "event":
            return StoredTable(table, rows, corrected=self._corrected(name))
        return StoredTable(table, rows)

    def _versioned(self, rows: ibis.Table, key: tuple[str, ...]) -> bool:
        versions = rows.group_by(list(key)).agg(versions=rows.count())
        answer = self._engine.to_arrow(versions.agg(most=versions.versions.max()))
        return (answer.column("most")[0].as_py() or 0) > 1

    def _corrected(self, name: str) -> bool:
        marks = self["superseded"].rows
        mine = marks.filter(marks.table_name == name)
        return bool(self._engine.to_arrow(mine.agg(marks=mine.count()))["marks"][0].as_py())


def open_history(lake_dir: Path, *, zone: ZoneInfo) -> History:
    """Open the facts of a lake folder with an engine that can read nothing else.

    Parameters
    ----------
    lake_dir
        The lake's folder.
    zone
        The company's zone.

    Raises
    ------
    LakeError
        The lake cannot be read.
    """
    from lifecycle.lake import Lake

    return History(Lake(lake_dir), open_engine(folders=[lake_dir]), zone=zone)
