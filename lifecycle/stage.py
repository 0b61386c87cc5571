"""An open batch: rows are spooled to disk, judged against the lake, then written and listed."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from lifecycle.batches import BatchHeader, BatchReport, TableCount
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import LakeError, TableError
from lifecycle.fingerprints import Fingerprints, row_hashes
from lifecycle.removals import build_tombstones, read_voided
from lifecycle.staging import Spool, Verdict, conform, judge, read_matching
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import BATCHES, FACT_TABLES, SUPERSEDED, find_table

STAGING = "_staging"
ROOM_FOR_LOGS = 64 * 1024


class _Store(Protocol):
    root: Path

    def batches(self) -> list[BatchHeader]: ...
    def files(self, table: str) -> list[str]: ...
    def write_table(
        self, table: str, schema: pa.Schema, rows: Iterator[pa.RecordBatch]
    ) -> None: ...
    def step(self, name: str) -> None: ...


class Stage:
    """One open batch of a lake.

    Attributes
    ----------
    repeated
        The listed header, when the lake has the batch already: then there is nothing to write.
    """

    def __init__(self, lake: _Store, header: BatchHeader) -> None:
        self._lake = lake
        self._header = header
        self._folder = lake.root / STAGING / header.batch_id
        self._spools: dict[str, Spool] = {}
        self._removals: dict[str, list[pa.RecordBatch]] = {}
        self._own: dict[str, Fingerprints] = {}
        listed = [known for known in lake.batches() if known.batch_id == header.batch_id]
        self.repeated: BatchHeader | None = listed[0] if listed else None

    def write(self, table: str, rows: pa.RecordBatch) -> None:
        """Spool rows of a fact table or of `superseded`.

        Raises
        ------
        TableError
            The table is unknown or the rows do not fit it.
        """
        declared = find_table(table)
        if declared is BATCHES:
            raise TableError(f"table {table!r}", f"one of {', '.join(FACT_TABLES)}")
        if table not in self._spools:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._spools[table] = Spool(self._folder / f"{table}.arrow", declared)
        self._spools[table].write(conform(rows, declared, batch_id=self._header.batch_id))

    def remove(self, table: str, rows: pa.RecordBatch) -> None:
        """Note events that the source took back: key, ``known_at`` and ``known_source``.

        Raises
        ------
        TableError
            The table holds no events.
        """
        declared = find_table(table)
        if declared.kind != "event":
            raise TableError(f"removal from {table}", "a table of events")
        batch_id = pa.repeat(pa.scalar(self._header.batch_id), rows.num_rows)
        rows = rows.select([*declared.key, "known_at", "known_source"])
        self._removals.setdefault(table, []).append(rows.append_column("batch_id", batch_id))

    def commit(self) -> BatchReport:
        """Write all tables, then list the batch.

        Raises
        ------
        RowsError
            A key is repeated with another content.
        LakeError
            There is no room for the batch.
        """
        for spool in self._spools.values():
            spool.close()
        self._check_room()
        for name in self._spools:
            self._lake.step(f"spooled {name}")
            crashpoint("lake.spooled")
        counts: dict[str, TableCount] = {}
        sources: dict[str, dict[str, int]] = {}
        void: list[pa.RecordBatch] = []
        for name, spool in self._spools.items():
            verdict = self._judge(spool)
            counts[name] = _count(verdict)
            written: Counter[str] = Counter()
            if verdict.keep.any():
                rows = _kept(spool, verdict, sources=written, void=void)
                self._lake.write_table(name, arrow_schema(spool.table), rows)
            sources[name] = dict(sorted(written.items()))
        for name in self._removals:
            void.append(tombstones := self._tombstones(name))
            counts[name] = self._count_removals(name, counts, tombstones.num_rows)
        if any(rows.num_rows for rows in void):
            self._lake.write_table(SUPERSEDED.name, arrow_schema(SUPERSEDED), iter(void))
        header = replace(self._header, tables=counts, known_sources=sources)
        row = pa.RecordBatch.from_pylist([header.as_row()], schema=arrow_schema(BATCHES))
        self._lake.write_table(BATCHES.name, row.schema, iter([row]))
        return BatchReport(header)

    def _check_room(self) -> None:
        """Refuse before anything is written what cannot be written whole."""
        needed = sum(spool.size for spool in self._spools.values())
        free = shutil.disk_usage(self._lake.root).free
        if needed + ROOM_FOR_LOGS > free:
            raise LakeError(
                f"disk full: batch {self._header.batch_id} needs {needed // 1024:,} kB, "
                f"{free // 1024:,} kB are free; nothing was added",
                f"more space under {self._lake.root}",
                "free space and run the same command again",
            )

    def _judge(self, spool: Spool) -> Verdict:
        prints, recorded = spool.take_prints()
        held = read_matching(self._lake.files(spool.table.name), spool.table, prints.keys)
        verdict = judge(spool.table, prints, recorded, lake=held, header=self._header)
        if spool.table.name in self._removals:
            keep = verdict.keep
            own = Fingerprints(prints.keys[keep], prints.contents[keep], verdict.known[keep])
            self._own[spool.table.name] = own
        return verdict

    def _tombstones(self, name: str) -> pa.RecordBatch:
        table, rows = find_table(name), pa.Table.from_batches(self._removals[name])
        stored = read_matching(self._lake.files(name), table, row_hashes(rows, table.key))
        return build_tombstones(
            table,
            rows,
            held=Fingerprints.join([stored, *filter(None, [self._own.get(name)])]),
            voided=read_voided(self._lake.files(SUPERSEDED.name), table),
            arrived_at=self._header.arrived_at,
        )

    def _count_removals(self, name: str, counts: dict[str, TableCount], removed: int) -> TableCount:
        asked = sum(rows.num_rows for rows in self._removals[name])
        before = counts.get(name, TableCount())
        known = before.already_known + asked - removed
        return replace(before, removed=removed, already_known=known)

    def discard(self) -> None:
        """Remove the spooled rows."""
        for spool in self._spools.values():
            # on a full disk the footer cannot be written; the file goes away all the same
            with suppress(OSError):
                spool.close()
        self._spools.clear()
        shutil.rmtree(self._folder.parent, ignore_errors=True)


def _count(verdict: Verdict) -> TableCount:
    added = int(verdict.keep.sum())
    return TableCount(
        added=added,
        already_known=len(verdict.keep) - added,
        corrected=int(verdict.corrects.sum()),
        restamped=int(verdict.restamped.sum()),
    )


def _kept(
    spool: Spool, verdict: Verdict, *, sources: Counter[str], void: list[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows to write, restamped where due; count sources, note what they make void."""
    start = 0
    for rows in spool.rows():
        part = slice(start, start + rows.num_rows)
        start += rows.num_rows
        if verdict.restamped[part].any():
            rows = _restamp(rows, verdict, part)
        if verdict.corrects[part].any():
            void.append(_void(rows.filter(pa.array(verdict.corrects[part])), spool.table.name))
        rows = rows.filter(pa.array(verdict.keep[part]))
        for entry in rows.column("known_source").value_counts().to_pylist():
            sources[entry["values"]] += entry["counts"]
        if rows.num_rows:
            yield rows


def _restamp(rows: pa.RecordBatch, verdict: Verdict, part: slice) -> pa.RecordBatch:
    flags = verdict.restamped[part]
    declared = rows.column("known_source").to_numpy(zero_copy_only=False)
    known = pa.array(verdict.known[part], pa.int64()).cast(rows.schema.field("known_at").type)
    source = pa.array(np.where(flags, "arrival", declared), pa.string())
    rows = rows.set_column(
        rows.schema.get_field_index("known_at"), rows.schema.field("known_at"), known
    )
    return rows.set_column(
        rows.schema.get_field_index("known_source"), rows.schema.field("known_source"), source
    )


def _void(rows: pa.RecordBatch, table: str) -> pa.RecordBatch:
    key = rows.column(find_table(table).key[0])
    known = [rows.column(name) for name in ("known_at", "known_source", "batch_id")]
    name = pa.repeat(pa.scalar(table), rows.num_rows)
    return pa.RecordBatch.from_arrays([name, key, *known], schema=arrow_schema(SUPERSEDED))
