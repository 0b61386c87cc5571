"""The lake: append-only facts, in batches that appear whole or not at all.

A batch writes its tables, then one row in `_batches`; readers are given only files of listed
batches. Whatever kills the process, the lake is as it was before or as it is after.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from lifecycle.batches import BatchHeader, BatchReport
from lifecycle.crashpoint import crashpoint
from lifecycle.damage import read_rows
from lifecycle.delta import Batches, DeltaTables, storage_errors
from lifecycle.errors import LakeError
from lifecycle.locks import exclusive, unless_held
from lifecycle.stage import STAGING, Stage
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import BATCHES, FACT_TABLES, SUPERSEDED, find_table

LOCK_WAIT_SECONDS = 30.0
COPYING = ".copying"


class Lake:
    """The facts of one company.

    Parameters
    ----------
    root
        Folder of the tables; made when first written.
    on_step
        Called with the name of each step of a write (``rolled back``, ``spooled orders``,
        ``wrote orders``, ``listed``); tests stop the process there.
    lock_wait_seconds
        How long a write waits for another writer.
    """

    def __init__(
        self,
        root: Path,
        *,
        on_step: Callable[[str], None] | None = None,
        lock_wait_seconds: float = LOCK_WAIT_SECONDS,
    ) -> None:
        self.root = Path(root).absolute()
        self._on_step = on_step or (lambda step: None)
        self._lock_wait = lock_wait_seconds
        self._pinned: list[BatchHeader] | None = None
        # files never change once written, so what was read of them stays true
        self._delta = DeltaTables(self.root)
        self._headers: dict[str, list[BatchHeader]] = {}

    # reading

    def batches(self) -> list[BatchHeader]:
        """Return the listed batches by arrival.

        Raises
        ------
        LakeError
            A file of the list is missing or damaged; the message names it.
        """
        if self._pinned is not None:
            return self._pinned
        headers: list[BatchHeader] = []
        for file in self._delta.adds(BATCHES.name):
            path = file["path"]
            if path not in self._headers:
                self._headers[path] = [BatchHeader.from_row(row) for row in read_rows(path)]
            headers += self._headers[path]
        return sorted(headers, key=lambda header: (header.arrived_at, header.batch_id))

    def frozen(self) -> Lake:
        """Return the lake as it is now: batches listed later are not seen through it."""
        still = Lake(self.root)
        still._pinned = self.batches()
        return still

    def files(self, table: str) -> list[str]:
        """Return absolute Parquet paths of a table's listed batches; none if it has no facts.

        Raises
        ------
        TableError
            There is no such table.
        LakeError
            A file is missing or truncated; the message names it.
        """
        listed = {header.batch_id for header in self.batches()}
        return [
            add["path"]
            for add in self._delta.adds(find_table(table).name)
            if add["first_batch"] in listed or add["first_batch"] != add["last_batch"]
        ]

    def unlisted(self, table: str) -> list[str]:
        """Return ids of batches that are in :meth:`files` but not listed: readers drop their rows.

        Normally none: a batch has its own files until compaction, which takes listed batches only.
        """
        if self._pinned is None:
            return []
        adds = self._delta.adds(find_table(table).name)
        if all(add["first_batch"] == add["last_batch"] for add in adds):
            return []
        pinned = {header.batch_id for header in self._pinned}
        return sorted({header.batch_id for header in Lake(self.root).batches()} - pinned)

    def named_files(self, table: str) -> list[str]:
        """Return the files that a table's newest version names, also those of unlisted batches."""
        return [add["path"] for add in self._delta.adds(table, check=False)]

    def superseded(self) -> list[str]:
        """Return files of (table_name, key, known_at): see :data:`SUPERSEDED`."""
        return self.files(SUPERSEDED.name)

    def version(self) -> str:
        """Return a digest that changes whenever the visible facts change."""
        ids = sorted(header.batch_id for header in self.batches())
        return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]

    # writing

    def append(self, batch: BatchHeader, tables: Mapping[str, pa.RecordBatchReader]) -> BatchReport:
        """Write a batch whole, or not at all; a batch listed already changes nothing.

        Parameters
        ----------
        batch
            Its id names its content; ``arrived_at`` is now.
        tables
            Per table its rows with ``known_at`` and ``known_source``; optional columns may be
            absent. Read once, in order.

        Raises
        ------
        TableError
            A table or column is unknown, or a value that may not be null is absent.
        RowsError
            A key is repeated in the batch with another content.
        LakeError
            The lake cannot be read or written (disk full, damaged file, another writer).
        """
        with self.stage(batch) as stage:
            if stage.repeated is not None:
                return BatchReport(stage.repeated, repeated=True)
            for name, reader in tables.items():
                for rows in reader:
                    stage.write(name, rows)
            return stage.commit()

    @contextmanager
    def stage(self, batch: BatchHeader) -> Iterator[Stage]:
        """Open a batch for writing; nothing is seen of it until ``commit`` returned.

        Only one batch is open at a time. What an earlier, interrupted batch left is removed first,
        so that running it again writes it anew, with its new arrival.
        """
        with self.alone():
            self._on_step("rolled back")
            crashpoint("lake.rolled_back")
            with storage_errors("putting small files together", self.root):
                self._compact()
            stage = Stage(self, batch)
            try:
                with storage_errors(f"writing batch {batch.batch_id}", self.root):
                    yield stage
            except BaseException:
                tidying = storage_errors("tidying up", self.root)
                with suppress(LakeError), tidying:  # the rest falls to the next write
                    self._roll_back()
                raise
            finally:
                stage.discard()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other writers out; what an interrupted batch left is removed first."""
        with storage_errors("writing the lake", self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        with exclusive(self.root / ".lock", wait_seconds=self._lock_wait):
            with storage_errors("tidying up after an interrupted batch", self.root):
                self._roll_back()
            yield

    def replace_batches(self, table: str, ids: Collection[str], rows: Batches) -> None:
        """Put other rows in the place of a table's rows of some batches; inside :meth:`alone`.

        The files of before stay on the disk until :meth:`forget`.
        """
        with storage_errors(f"writing {table} anew", self.root):
            self._delta.replace(table, ids, arrow_schema(find_table(table)), rows)

    def forget(self, table: str, *, since: float = 0.0) -> int:
        """Remove files changed since then that the table's newest version does not name."""
        held = set(self.named_files(table))
        files = [one for one in (self.root / table).glob("*.parquet") if str(one) not in held]
        old = [one for one in files if one.stat().st_mtime >= since]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def write_table(self, table: str, schema: pa.Schema, rows: Batches) -> None:
        """Append rows to one Delta table in one commit; only a :class:`Stage` calls this."""
        self._delta.append(table, schema, rows, by_batch=table != BATCHES.name)
        if table == BATCHES.name:
            self._on_step("listed")
            crashpoint("lake.listed")
            return
        self._on_step(f"wrote {table}")
        crashpoint("lake.wrote")

    def step(self, name: str) -> None:
        """Tell the observer of writes which step was reached."""
        self._on_step(name)

    # inside

    def _find_stale(self) -> dict[str, dict[str, str]]:
        """Return, by table, the files of batches that never were listed, and their batches."""
        listed = {header.batch_id for header in self.batches()}
        stale = {
            table: {
                add["path"]: add["first_batch"]
                for add in self._delta.adds(table, check=False)
                if add["first_batch"] == add["last_batch"] and add["first_batch"] not in listed
            }
            for table in (*FACT_TABLES, SUPERSEDED.name)
        }
        ids = {batch for files in stale.values() for batch in files.values()}
        # one write dies at a time, and the next tidies up: of many the list must have known
        if len(ids) > 1 and not self._delta.has_log(BATCHES.name):
            raise LakeError(
                f"{len(ids)} batches in {self.root}, and no list of them ({BATCHES.name} is gone)",
                "the list beside the tables",
                f"restore {BATCHES.name} from a backup; nothing was changed",
            )
        return stale

    def _compact(self) -> None:
        """Put small files together unless somebody copies the lake.

        A copy has the list of batches first: it would find rows of later ones in a file of many.
        """
        (self.root / STAGING).mkdir(exist_ok=True)  # what dies on the way is newer, and is removed
        with unless_held(self.root / COPYING) as free:
            for table in (BATCHES.name, *FACT_TABLES, SUPERSEDED.name) if free else ():
                if self._delta.compact(table):
                    self._on_step(f"compacted {table}")

    def _roll_back(self) -> None:
        """Remove rows of batches that never were listed, and their files from the disk.

        No reader was ever given these files, so they need no grace period.
        """
        staging = self.root / STAGING
        since = staging.stat().st_mtime if staging.is_dir() else None
        for table, stale in self._find_stale().items():
            self._delta.remove(table, set(stale.values()))
            for path in stale:
                Path(path).unlink(missing_ok=True)
            if since is not None:  # what a dead or failed write left without a commit
                self.forget(table, since=since)
        shutil.rmtree(staging, ignore_errors=True)
