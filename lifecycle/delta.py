"""The only door to Delta Lake: the tables of one folder, on the disk as soon as they are written.

Delta Lake puts its files in place without waiting for the disk. What follows a write here, such as
the inbox that forgets rows as the lake has them, would then outlive them in a power cut.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from lifecycle.damage import check_whole, lake_error
from lifecycle.tables.arrow import let_columns_be_absent

Batches = Iterator[pa.RecordBatch]
LOG = "_delta_log"
ADD_FIELDS = ("path", "size_bytes", "modification_time", "min.batch_id", "max.batch_id")
MOST_SMALL_FILES = 64
"""More than these are put together: each write opens all files of its table."""
SMALL_BYTES = 32 * 2**20
KEPT_HOURS = 24
"""How long a file stays for those who began to read before another took its place."""
_SETTINGS: dict[str, str | None] = {"delta.logRetentionDuration": "interval 2 days"}
_SKIPPING: dict[str, str | None] = {"delta.dataSkippingStatsColumns": "known_at,batch_id"}


@contextmanager
def storage_errors(doing: str, root: Path) -> Iterator[None]:
    """Turn the storage's errors into one clear line.

    Raises
    ------
    LakeError
        Something failed; disk full is told from the rest.
    """
    try:
        yield
    except (OSError, DeltaError, pa.ArrowException) as error:
        raise lake_error(error, doing, root) from error


class DeltaTables:
    """The Delta tables of a folder, each opened once.

    Parameters
    ----------
    root
        Absolute path; made when first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: dict[str, DeltaTable] = {}

    def adds(self, table: str, *, check: bool = True) -> list[dict[str, Any]]:
        """Return path, size, first and last batch of each file of a table's current version.

        Raises
        ------
        LakeError
            The log cannot be read; or, with ``check``, a file is missing or not whole.
        """
        delta = self._open(table)
        if delta is None:
            return []
        adds = pa.table(delta.get_add_actions(flatten=True))
        adds = adds.select([name for name in ADD_FIELDS if name in adds.column_names])
        found = []
        order = [("modification_time", "ascending"), ("path", "ascending")]
        for add in adds.sort_by(order).to_pylist():
            path, size = self.root / table / add["path"], add["size_bytes"]
            if check:
                check_whole(path, size)
            span = {"first_batch": add.get("min.batch_id"), "last_batch": add.get("max.batch_id")}
            found.append({"path": str(path), "size_bytes": size, **span})
        return found

    def has_log(self, table: str) -> bool:
        """Whether the table was ever written, and its log is there."""
        return self._open(table) is not None

    def append(self, table: str, schema: pa.Schema, rows: Batches, *, by_batch: bool) -> None:
        """Add rows in one commit.

        Parameters
        ----------
        by_batch
            The table's files are found by their batches, not by all columns.
        """
        delta = self._open(table)
        if delta is not None:
            let_columns_be_absent(delta, schema)
        with self._on_disk(table):
            write_deltalake(
                delta or str(self.root / table),
                pa.RecordBatchReader.from_batches(schema, rows),
                mode="append",
                schema_mode=None if delta is None else "merge",
                configuration=None if delta else {**_SETTINGS, **(_SKIPPING if by_batch else {})},
            )

    def replace(self, table: str, ids: Collection[str], schema: pa.Schema, rows: Batches) -> None:
        """Put other rows in the place of those of some batches, in one commit."""
        delta = self._open(table)
        if delta is None or not ids:
            return
        given = pa.RecordBatchReader.from_batches(schema, rows)
        where = f"batch_id IN ({_quote(ids)})"
        with self._on_disk(table):
            write_deltalake(delta, given, mode="overwrite", predicate=where, schema_mode="merge")

    def remove(self, table: str, ids: Collection[str]) -> None:
        """Remove the rows of some batches in one commit; their files stay."""
        delta = self._open(table)
        if delta is not None and ids:
            with self._on_disk(table):
                delta.delete(f"batch_id IN ({_quote(ids)})")

    def compact(self, table: str) -> bool:
        """Put a table's small files together if there are many; return whether it was done.

        Files that were put together stay for :data:`KEPT_HOURS`.
        """
        small = [add for add in self.adds(table, check=False) if add["size_bytes"] < SMALL_BYTES]
        delta = self._open(table) if len(small) > MOST_SMALL_FILES else None
        if delta is None:
            return False
        with self._on_disk(table):
            delta.optimize.compact(target_size=2 * SMALL_BYTES, max_concurrent_tasks=1)
            delta.vacuum(KEPT_HOURS, dry_run=False, enforce_retention_duration=False)
        return True

    def _open(self, table: str) -> DeltaTable | None:
        path = self.root / table
        with storage_errors(f"reading the log of {path}", self.root):
            if table in self._opened:
                self._opened[table].update_incremental()
            elif (path / LOG).is_dir() and DeltaTable.is_deltatable(str(path)):
                self._opened[table] = DeltaTable(str(path))
        return self._opened.get(table)

    @contextmanager
    def _on_disk(self, table: str) -> Iterator[None]:
        """Have what the block commits on the disk before anything goes on."""
        before = self._opened[table].version() if table in self._opened else -1
        yield
        delta = self._open(table)
        if delta is not None:
            sync_commits(self.root / table, before + 1, delta.version())


def sync_commits(folder: Path, first: int, last: int) -> None:
    """Wait until the disk has commits ``first`` to ``last`` of a table, and the files they add."""
    log = folder / LOG
    for version in range(first, last + 1):
        commit = log / f"{version:020d}.json"
        for line in commit.read_text().splitlines():
            added = json.loads(line).get("add")
            if added is not None:
                sync(folder / unquote(added["path"]))
        sync(commit)
    for name in (f"{last:020d}.checkpoint.parquet", "_last_checkpoint"):
        if (log / name).exists():
            sync(log / name)
    for place in (log, folder, folder.parent):
        sync(place)


def sync(path: Path) -> None:
    """Wait until the disk has a file's content, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quote(ids: Collection[str]) -> str:
    return ", ".join(f"'{one}'" for one in sorted(ids))
