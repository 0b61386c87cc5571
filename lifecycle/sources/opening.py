"""Chooses the reader of a source by its mapping or its name."""

from __future__ import annotations

from pathlib import Path

from lifecycle.errors import UsageError
from lifecycle.sources.chunk import Source
from lifecycle.sources.csv_file import CsvSource
from lifecycle.sources.jsonl_file import JsonlSource
from lifecycle.sources.mapping import SourceOptions
from lifecycle.sources.parquet_file import ParquetSource

ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def source_format(location: str, options: SourceOptions) -> str:
    """Return ``csv``, ``jsonl``, ``parquet`` or ``sql``.

    Raises
    ------
    UsageError
        Neither the mapping nor the name's ending tells.
    """
    if "://" in location:
        return "sql"
    if options.format:
        return options.format
    suffixes = [ending for ending in Path(location).suffixes if ending != ".gz"]
    ending = suffixes[-1].lower() if suffixes else ""
    if ending not in ENDINGS:
        raise UsageError(
            f"source {Path(location).name!r} of unknown kind",
            f"a SQL address or an ending out of {', '.join(ENDINGS)}",
            "name the format in the mapping's [source]",
        )
    return ENDINGS[ending]


def open_source(path: Path, options: SourceOptions, *, kind: str) -> Source:
    """Open a file for reading in pieces.

    Raises
    ------
    UsageError
        There is no such file.
    TableError
        It cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"no file {path}", "a file or a SQL address", "correct the path")
    if kind == "csv":
        return CsvSource(path, options)
    return ParquetSource(path) if kind == "parquet" else JsonlSource(path)
