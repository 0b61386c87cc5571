"""What a batch is called, and what became of its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class TableCount:
    """What became of one table's rows in one batch.

    Attributes
    ----------
    added
        Rows written, corrections included.
    already_known
        Rows left out because the lake held the same already.
    corrected
        Rows among ``added`` that replace an earlier content of the same key.
    restamped
        Rows among ``added`` whose declared ``known_at`` was not after what they replace, and
        which therefore count as known from their arrival.
    removed
        Events that the source took back; no rows, but marks that make them void.
    """

    added: int = 0
    already_known: int = 0
    corrected: int = 0
    restamped: int = 0
    removed: int = 0


@dataclass(frozen=True)
class BatchHeader:
    """A batch: where it came from and when; once it is listed, also what it brought.

    Attributes
    ----------
    batch_id
        Digest of content and mapping, so that the same batch has the same name.
    source
        File name or SQL address, without secrets.
    arrived_at
        UTC instant at which it came in.
    mapping_digest
        Digest of the mapping file; empty for pushes and tests.
    tables
        Rows per table; empty until listed.
    known_sources
        Rows per table and ``known_source``; empty until listed.
    appending_at
        UTC instant of the append, given where every row's ``known_at`` is the instant at which it
        came in by itself: then a row may be older than what the lake holds by now. Not listed.
    """

    batch_id: str
    source: str
    arrived_at: datetime
    mapping_digest: str = ""
    tables: Mapping[str, TableCount] = field(default_factory=dict)
    known_sources: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    appending_at: datetime | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the row that `_batches` keeps."""
        counts = {name: asdict(count) for name, count in self.tables.items()}
        return {
            "batch_id": self.batch_id,
            "source": self.source[:200],
            "arrived_at": self.arrived_at,
            "mapping_digest": self.mapping_digest,
            "tables": json.dumps(counts, sort_keys=True),
            "known_sources": json.dumps(self.known_sources, sort_keys=True),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> BatchHeader:
        """Read a row of `_batches`."""
        counts = json.loads(row["tables"])
        return cls(
            row["batch_id"],
            row["source"],
            row["arrived_at"],
            row["mapping_digest"],
            {name: TableCount(**count) for name, count in counts.items()},
            json.loads(row["known_sources"]),
        )


@dataclass(frozen=True)
class BatchReport:
    """What an append did.

    Attributes
    ----------
    header
        The batch as listed.
    repeated
        ``True`` when the batch was in the lake already and nothing changed.
    """

    header: BatchHeader
    repeated: bool = False

    @property
    def added(self) -> int:
        """Rows written over all tables."""
        return sum(count.added for count in self.header.tables.values())

    @property
    def already_known(self) -> int:
        """Rows left out over all tables, because the lake held the same."""
        return sum(count.already_known for count in self.header.tables.values())
