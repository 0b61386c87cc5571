"""Pushed rows into the lake: all that wait, each batch once, however often this is tried."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from ledger.inbox import InboxBatch, mark_appended, read_batch, seal_batches
from ledger.job_leases import check_lease
from lifecycle.batches import BatchHeader, BatchReport
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import DataError
from lifecycle.lake import Lake
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import find_table
from lifecycle.tables.declare import Table
from service.worker.task import Answer, Task

SOURCE = "push"
CHUNK_COUNT = 5_000
GROUP_COUNT = 50


def append_inbox(task: Task) -> Answer:
    """Take every waiting batch to the lake; the rows are removed as the job is done.

    Raises
    ------
    DataError
        The lake refuses a batch, which stays where it is; all others are in.
    LakeError
        The lake cannot be read or written: another try goes on.
    """
    lake = Lake(task.home.data_dir / "lake")
    done: list[InboxBatch] = []
    refusals: list[DataError] = []
    added = 0
    batches = seal_batches(task.ledger)
    told = f"{sum(one.row_count for one in batches):,} rows in {len(batches):,} batches"
    for place, batch in enumerate(batches):
        task.report(place / len(batches), f"{batch.row_count:,} rows of {batch.table}")
        try:
            report = _append(lake, task, batch)
        except DataError as error:
            refusals.append(error)
            continue
        crashpoint("inbox.appended")
        added += 0 if report is None else report.added
        done.append(batch)
        if len(done) == GROUP_COUNT:  # a try that is ended for its time has got on
            _mark(task, done)
            done = []
    if refusals:
        _mark(task, done)
        raise refusals[0]
    effect = partial(mark_appended, batches=done, by=task.job.created_by)
    return Answer(f"{told}, {added:,} new", effect=effect)


def _mark(task: Task, done: Sequence[InboxBatch]) -> None:
    with task.ledger.writing() as connection:
        check_lease(connection, task.lease)
        mark_appended(connection, done, by=task.job.created_by)


def _append(lake: Lake, task: Task, batch: InboxBatch) -> BatchReport | None:
    """Append a batch unless another job's try has removed its rows, which the lake then has."""
    rows = read_batch(task.ledger, batch)
    if not rows:
        return None
    table = find_table(batch.table)
    schema = arrow_schema(table)
    reader = pa.RecordBatchReader.from_batches(schema, _records(table, schema, rows))
    now = datetime.now(UTC)
    header = BatchHeader(batch.name, SOURCE, batch.arrived_at, appending_at=now)
    return lake.append(header, {batch.table: reader})


def _records(
    table: Table, schema: pa.Schema, rows: Sequence[tuple[str, datetime]]
) -> Iterator[pa.RecordBatch]:
    for place in range(0, len(rows), CHUNK_COUNT):
        part = [
            {
                **_read(table, json.loads(content)),
                "known_at": arrived_at,
                "known_source": "arrival",
                "batch_id": "",
            }
            for content, arrived_at in rows[place : place + CHUNK_COUNT]
        ]
        yield pa.RecordBatch.from_pylist(part, schema=schema)


def _read(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Give days and instants their types back."""
    for column in table.columns:
        if column.name in row and column.type == "date":
            row[column.name] = date.fromisoformat(row[column.name])
        elif column.name in row and column.type == "timestamp":
            row[column.name] = datetime.fromisoformat(row[column.name])
    return row
