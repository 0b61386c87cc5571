"""From a source to the lake: read in pieces, check, keep the refused rows, write one batch."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lifecycle.batches import BatchHeader, BatchReport
from lifecycle.checks.bounds import CheckContext
from lifecycle.checks.chunks import Checker
from lifecycle.checks.merged import count_unknown_merges
from lifecycle.checks.quarantine import Quarantine
from lifecycle.console import SilentTicker, Ticker
from lifecycle.damage import lake_error
from lifecycle.errors import RowsError
from lifecycle.lake import Lake
from lifecycle.sources.chunk import Source
from lifecycle.sources.mapping import Mapping as SourceMapping
from lifecycle.sources.opening import open_source, source_format
from lifecycle.sources.sql import export_rows, safe_address
from lifecycle.stage import Stage

READ_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class IngestOptions:
    """How a source is taken in.

    Attributes
    ----------
    currency
        The company's currency.
    quarantine_dir
        Folder of the files of refused rows.
    arrived_at
        UTC instant of arrival.
    max_bad_share
        The batch is refused when more than this share of its rows broke a rule.
    """

    currency: str
    quarantine_dir: Path
    arrived_at: datetime
    max_bad_share: float = 0.05


@dataclass(frozen=True)
class IngestReport:
    """What became of every row: read = added + already known + removed + quarantined + equal.

    Rows that the mapping's ``keep`` does not want are read too; the note ``not_kept`` counts them.

    Attributes
    ----------
    batch_id
        Digest of content and mapping.
    repeated
        ``True`` when the lake had the batch already and nothing changed.
    quarantined
        Refused rows per rule.
    notes
        What was put right or left out without harm, by name.
    seconds
        Wall time.
    """

    batch_id: str
    repeated: bool
    tables: Mapping[str, Mapping[str, int]]
    known_sources: Mapping[str, Mapping[str, int]]
    read_count: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    quarantine_file: str | None = None
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Speed over the whole ingest."""
        return self.read_count / max(self.seconds, 1e-9)

    def as_document(self) -> dict[str, Any]:
        """Return the report for ``--json``."""
        return {**asdict(self), "rows_per_second": round(self.rows_per_second)}


def ingest(
    location: str,
    mapping: SourceMapping,
    *,
    lake: Lake,
    options: IngestOptions,
    ticker: Callable[[float], Ticker] = lambda size: SilentTicker(),
) -> IngestReport:
    """Take a source into the lake as one batch.

    Parameters
    ----------
    location
        Path of a file, or a SQL address.
    ticker
        Given the source's size in bytes, returns what counts the bytes read.

    Raises
    ------
    UsageError
        The source cannot be found or its kind is unknown.
    TableError
        The source cannot be read or lacks a column.
    RowsError
        Too many rows broke a rule, or there was none to accept.
    LakeError
        The lake cannot be read or written.
    """
    started = time.monotonic()
    with _local_file(location, mapping, lake.root) as (path, kind):
        source = open_source(path, mapping.options, kind=kind)
        wanted = mapping.wanted(source.columns)
        name = safe_address(location) if kind == "sql" else path.name
        batch_id = _digest(path, mapping.digest)
        header = BatchHeader(batch_id, name, options.arrived_at, mapping.digest)
        with lake.stage(header) as stage:
            if stage.repeated is not None:
                return _report(BatchReport(stage.repeated, repeated=True), started)
            with Quarantine(options.quarantine_dir / f"{batch_id}.jsonl") as quarantine:
                context = CheckContext(options.arrived_at, options.currency)
                checker = Checker(mapping, context, quarantine)
                _fill(stage, source, wanted, checker=checker, ticker=ticker(float(source.size)))
            _decide(checker, options.max_bad_share)
            checker.forget_keys()
            done = stage.commit()
            if mapping.table.name == "account_merges":
                unknown = count_unknown_merges(lake.files, batch_id)
                checker.notes["merge_of_unknown_account"] += unknown
            return _report(done, started, checker)


def _fill(
    stage: Stage, source: Source, wanted: tuple[str, ...], *, checker: Checker, ticker: Ticker
) -> None:
    for chunk in source.chunks(wanted):
        accepted = checker.check(chunk)
        if accepted.rows.num_rows:
            stage.write(checker.mapping.table.name, accepted.rows)
        if accepted.removed.num_rows:
            stage.remove(checker.mapping.table.name, accepted.removed)
        if accepted.attributes is not None and accepted.attributes.num_rows:
            stage.write("attributes", accepted.attributes)
        ticker.advance(chunk.consumed)


def _decide(checker: Checker, max_bad_share: float) -> None:
    """Refuse the batch when too little of it is good."""
    read, bad = checker.kept_count, checker.quarantine.total
    if checker.read_count == 0:
        raise RowsError("no rows in the source", "at least one", "check the export")
    if read == 0:
        raise RowsError(
            f"none of {checker.read_count:,} rows passes the mapping's keep",
            "at least one",
            "correct keep, or the export",
        )
    if bad == read or bad > max_bad_share * read:
        worst = ", ".join(f"{rule} {n:,}" for rule, n in checker.quarantine.counts.most_common(4))
        raise RowsError(
            f"{bad:,} of {read:,} rows broke a rule ({worst})",
            f"at most {max_bad_share:.1%}; nothing was added",
            f"see {checker.quarantine.path}, correct the source or the mapping, or set --max-bad",
        )


def _report(done: BatchReport, started: float, checker: Checker | None = None) -> IngestReport:
    header = done.header
    basic = IngestReport(
        header.batch_id,
        done.repeated,
        {name: asdict(count) for name, count in header.tables.items()},
        header.known_sources,
        seconds=time.monotonic() - started,
    )
    if checker is None:
        return basic
    quarantine = checker.quarantine
    counts = {
        "read_count": checker.read_count,
        "quarantined": dict(quarantine.counts.most_common()),
        "notes": {name: count for name, count in checker.notes.items() if count},
        "quarantine_file": str(quarantine.path) if quarantine.total else None,
    }
    return IngestReport(**{**vars(basic), **counts})


def _digest(path: Path, mapping_digest: str) -> str:
    """Name a batch by its content and its mapping."""
    total = hashlib.sha256(mapping_digest.encode())
    with path.open("rb") as handle:
        while piece := handle.read(READ_BYTES):
            total.update(piece)
    return total.hexdigest()[:24]


@contextmanager
def _local_file(location: str, mapping: SourceMapping, root: Path) -> Iterator[tuple[Path, str]]:
    """Give the source as a file; a SQL query is first read into one."""
    kind = source_format(location, mapping.options)
    if kind != "sql":
        yield Path(location), kind
        return
    folder = root.parent / "imports"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        holder = tempfile.TemporaryDirectory(dir=folder)
    except OSError as error:
        raise lake_error(error, "making room for the query", root.parent) from error
    with holder as name:
        path = Path(name) / "query.jsonl"
        try:
            export_rows(location, mapping.options.query, path)
        except OSError as error:
            raise lake_error(error, "reading the query", root.parent) from error
        yield path, "jsonl"
