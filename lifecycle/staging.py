"""A batch's rows on disk until all are seen, and what each of them is against the lake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.batches import BatchHeader
from lifecycle.errors import RowsError, TableError
from lifecycle.fingerprints import Fingerprints, Micros, known_micros, row_hashes
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.declare import Table

READ_ROWS = 131_072
CLOCKS_APART = 60_000_000
"""Microseconds that two machines' clocks may differ by: nearer than this, the last to come wins."""
Flags = npt.NDArray[np.bool_]


def conform(rows: pa.RecordBatch, table: Table, *, batch_id: str) -> pa.RecordBatch:
    """Bring rows into a table's stored form: column order, types, absent optional columns null.

    Raises
    ------
    TableError
        A column that may not be null is absent, one is unknown, or a type does not fit.
    """
    schema = arrow_schema(table)
    unknown = sorted(set(rows.schema.names) - set(schema.names))
    if unknown:
        raise TableError(
            f"column {unknown[0][:60]!r} in {table.name}", f"one of {', '.join(schema.names)}"
        )
    arrays = []
    for field in schema:
        if field.name == "batch_id":
            arrays.append(pa.repeat(pa.scalar(batch_id), rows.num_rows))
        elif field.name in rows.schema.names:
            arrays.append(_cast(rows.column(field.name), field, table.name))
        elif field.nullable:
            arrays.append(pa.nulls(rows.num_rows, field.type))
        else:
            raise TableError(f"{table.name} without {field.name}", "a value in every row")
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(column: pa.Array, field: pa.Field, table: str) -> pa.Array:
    if not field.nullable and column.null_count:
        raise TableError(f"{table}.{field.name} with {column.null_count} nulls", "none")
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TableError(
            f"{table}.{field.name} of type {column.type}", f"{field.type}", "convert it first"
        ) from error


class Spool:
    """Rows of one table, kept on disk in order, their fingerprints in memory (25 bytes a row)."""

    def __init__(self, path: Path, table: Table) -> None:
        self.table = table
        self._path = path
        self._sink = pa.OSFile(str(path), "wb")
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_file(self._sink, arrow_schema(table), options=options)
        self._parts: list[Fingerprints] = []
        self._recorded: list[Flags] = []

    def write(self, rows: pa.RecordBatch) -> None:
        """Append conformed rows."""
        self._writer.write_batch(rows)
        self._parts.append(fingerprints(rows, self.table))
        source = rows.column("known_source").to_numpy(zero_copy_only=False)
        self._recorded.append(np.asarray(source == "recorded", dtype=bool))

    def close(self) -> None:
        """Finish the file; nothing can be written after."""
        if not self._sink.closed:
            # a full disk fails the footer too; what is open must be closed all the same
            with self._sink:
                self._writer.close()

    @property
    def size(self) -> int:
        """Bytes on disk; the table's files take no more."""
        return self._path.stat().st_size

    def take_prints(self) -> tuple[Fingerprints, Flags]:
        """Return the fingerprints of all rows, and where ``known_at`` was recorded; forget both."""
        prints = Fingerprints.join(self._parts)
        recorded = np.concatenate(self._recorded) if self._recorded else np.empty(0, dtype=bool)
        self._parts, self._recorded = [], []
        return prints, recorded

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows back, in order."""
        # read, not mapped: mapped pages would count as this process's memory
        with pa.OSFile(str(self._path)) as source, pa.ipc.open_file(source) as reader:
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)


def fingerprints(rows: pa.RecordBatch, table: Table) -> Fingerprints:
    """Return the fingerprints of conformed rows."""
    return Fingerprints(
        row_hashes(rows, table.key), row_hashes(rows, table.names), known_micros(rows)
    )


@dataclass(frozen=True)
class Verdict:
    """What to do with each row of a spool.

    Attributes
    ----------
    keep
        Rows to write, shape (n,).
    known
        ``known_at`` to write (microseconds), shape (n,).
    restamped
        Rows whose ``known_at`` became their arrival, shape (n,).
    corrects
        Events that replace an earlier content of their key, shape (n,).
    """

    keep: Flags
    known: Micros
    restamped: Flags
    corrects: Flags


def read_matching(files: Sequence[str], table: Table, keys: npt.NDArray[np.uint64]) -> Fingerprints:
    """Return the fingerprints of the lake's rows whose key is among ``keys``.

    Reads key columns everywhere, the other columns only where a key matches; memory is bounded
    by one row group and the matches.
    """
    if not files:
        return Fingerprints.join([])
    wanted = np.unique(keys)
    found: list[Fingerprints] = []
    for file in files:
        with pq.ParquetFile(file) as parquet:
            for group in range(parquet.num_row_groups):
                if _has_key(parquet, group, table=table, wanted=wanted):
                    found += _matches(parquet, group, table=table, wanted=wanted)
    return Fingerprints.join(found)


def _has_key(
    parquet: pq.ParquetFile, group: int, *, table: Table, wanted: npt.NDArray[np.uint64]
) -> bool:
    batches = parquet.iter_batches(READ_ROWS, row_groups=[group], columns=list(table.key))
    return any(_among(row_hashes(rows, table.key), wanted).any() for rows in batches)


def _matches(
    parquet: pq.ParquetFile, group: int, *, table: Table, wanted: npt.NDArray[np.uint64]
) -> Iterator[Fingerprints]:
    for rows in parquet.iter_batches(READ_ROWS, row_groups=[group]):
        prints = fingerprints(conform(rows, table, batch_id=""), table)
        hit = _among(prints.keys, wanted)
        yield Fingerprints(prints.keys[hit], prints.contents[hit], prints.known[hit])


def _among(values: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> Flags:
    if not len(wanted):
        return np.zeros(len(values), dtype=bool)
    places = np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)
    return np.asarray(wanted[places] == values)


def judge(
    table: Table, batch: Fingerprints, recorded: Flags, *, lake: Fingerprints, header: BatchHeader
) -> Verdict:
    """Decide for each row of a batch whether it is new, already known, or a correction.

    An event with the content of its key's latest version is already known; with another content it
    is a correction, known from its recorded ``known_at`` if that is later than what it replaces,
    else from its arrival. Where rows came in one by one, an event that came well before what the
    lake holds of its key is left out: it waited while newer ones were told. An entity's row is
    already known when the version before it (by ``known_at``) says the same; a row that contradicts
    a version of the very same ``known_at`` counts from its arrival if no later version is known,
    else it is left out: history is not rewritten.

    Parameters
    ----------
    batch
        The batch's rows in order.
    recorded
        Rows whose ``known_at`` comes from a recorded column, shape (n,).
    lake
        The lake's rows of the same keys.
    header
        The batch's clocks.

    Raises
    ------
    RowsError
        One key has two contents at one time within the batch.
    """
    if table.kind == "system":
        return _keep_all(batch)
    if table.kind == "event":
        return _judge_events(batch, lake, recorded=recorded, header=header)
    return _judge_versions(batch, lake, arrived=_micros(header.arrived_at))


def _micros(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000)


def _keep_all(batch: Fingerprints) -> Verdict:
    none = np.zeros(len(batch.keys), dtype=bool)
    return Verdict(~none, batch.known, none, none)


def _judge_events(
    batch: Fingerprints, lake: Fingerprints, *, recorded: Flags, header: BatchHeader
) -> Verdict:
    is_first = _first_of_each_key(batch)
    none = np.zeros(len(batch.keys), dtype=bool)
    if not len(lake.keys):
        return Verdict(is_first, batch.known, none, none)
    order = np.lexsort((lake.known, lake.keys))
    keys, contents, known = lake.keys[order], lake.contents[order], lake.known[order]
    # the last row of each key's run is its latest version
    place = np.searchsorted(keys, batch.keys, side="right") - 1
    matched = (place >= 0) & (keys[place] == batch.keys)
    latest, arrived = known[place], np.full(len(place), _micros(header.arrived_at))
    corrects = is_first & matched & (contents[place] != batch.contents)
    if header.appending_at is not None:
        recorded, arrived = ~none, batch.known
        # what claims to be known later than now tells nothing of which came first
        is_past = latest <= _micros(header.appending_at)
        corrects &= ~((batch.known < latest - CLOCKS_APART) & is_past)
    restamped = corrects & ~(recorded & (batch.known > latest))
    stamped = np.where(restamped, np.maximum(arrived, latest + 1), batch.known)
    return Verdict(is_first & (~matched | corrects), stamped, restamped, corrects)


def _first_of_each_key(batch: Fingerprints) -> Flags:
    is_first = np.ones(len(batch.keys), dtype=bool)
    order = np.argsort(batch.keys, kind="stable")
    keys = batch.keys[order]
    repeated = np.flatnonzero(keys[1:] == keys[:-1]) + 1
    if (batch.contents[order[repeated]] != batch.contents[order[repeated - 1]]).any():
        raise RowsError("one event key with two contents in one batch", "each key once")
    is_first[order[repeated]] = False
    return is_first


def _judge_versions(batch: Fingerprints, lake: Fingerprints, *, arrived: int) -> Verdict:
    size, held = len(batch.keys), len(lake.keys)
    both = Fingerprints.join([lake, batch])
    order = np.lexsort((np.arange(held + size), both.known, both.keys))
    same_key, same_content = _like_the_one_before(both, order)
    same_time = np.zeros(held + size, dtype=bool)
    same_time[order[1:]] = both.known[order][1:] == both.known[order][:-1]
    clash = same_key & same_time & ~same_content
    clash[:held] = False
    before = np.zeros(held + size, dtype=np.int64)
    before[order[1:]] = order[:-1]
    if (clash & (before >= held)).any():
        raise RowsError("one entity with two contents at one known_at in one batch", "one")
    is_last = np.ones(held + size, dtype=bool)
    is_last[order[:-1]] = both.keys[order][:-1] != both.keys[order][1:]
    restamped, outdated = clash & is_last, clash & ~is_last
    stamped = np.where(restamped, np.maximum(arrived, both.known + 1), both.known)
    _, same_content = _like_the_one_before(both, order)
    drop = same_content | outdated
    none = np.zeros(size, dtype=bool)
    return Verdict(~drop[held:], stamped[held:], restamped[held:] & ~drop[held:], none)


def _like_the_one_before(both: Fingerprints, order: npt.NDArray[np.int64]) -> tuple[Flags, Flags]:
    """For rows in ``order``: has the row before the same key; and the same content too."""
    same_key = np.zeros(len(order), dtype=bool)
    same_content = np.zeros(len(order), dtype=bool)
    keys, contents = both.keys[order], both.contents[order]
    same_key[order[1:]] = keys[1:] == keys[:-1]
    same_content[order[1:]] = (keys[1:] == keys[:-1]) & (contents[1:] == contents[:-1])
    return same_key, same_content
