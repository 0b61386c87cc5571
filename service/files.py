"""Files that commands write: Parquet or CSV, whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.errors import UsageError
from service.cells import guard_cell


def check_out(out: Path) -> None:
    """Refuse a file kind that cannot be written, before any work is done.

    Raises
    ------
    UsageError
        The ending is neither .parquet nor .csv, or the folder does not exist.
    """
    if out.suffix not in {".parquet", ".csv"}:
        raise UsageError(f"file {out.name!r}", "an ending .parquet or .csv", "correct --out")
    if not out.parent.is_dir():
        raise UsageError(f"no folder {str(out.parent)!r}", "an existing folder", "create it")


def write_rows(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Write rows of equal keys as Parquet or CSV, whole or not at all."""
    with _replacing(out) as draft:
        if out.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), draft)
            return
        with draft.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else [])
            writer.writeheader()
            for row in rows:
                writer.writerow({name: guard_cell(value) for name, value in row.items()})


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        yield draft
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
