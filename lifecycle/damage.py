"""How damage is told: a full disk, a missing, truncated or unreadable lake file, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lifecycle.errors import LakeError

MAGIC = b"PAR1"
DISK_FULL_SIGNS = ("No space left", "os error 28", "File too large", "os error 27", "Errno 28")


def lake_error(error: Exception, doing: str, root: Path) -> LakeError:
    """Return the one-line form of a storage error; disk full is told from the rest."""
    text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if any(sign in str(error) for sign in DISK_FULL_SIGNS):
        return LakeError(
            f"disk full while {doing}: nothing was added",
            f"free space under {root}",
            "free space and run the same command again",
        )
    return LakeError(
        f"{text[:300]} while {doing}", "a readable and writable lake", "check the disk"
    )


def check_whole(path: Path, size: int) -> None:
    """Refuse a file that is missing or not as long as its commit says.

    Raises
    ------
    LakeError
        The message names the file, its length and what to do.
    """
    todo = "restore the file from a backup, or ingest its batch again into a new data directory"
    if not path.exists():
        raise LakeError(f"lake file {path} is missing", f"{size} bytes", todo)
    found = path.stat().st_size
    with path.open("rb") as handle:
        handle.seek(max(found - len(MAGIC), 0))
        whole = handle.read() == MAGIC
    if found != size or not whole:
        raise LakeError(
            f"lake file {path} is damaged ({found} bytes)", f"{size} bytes of Parquet", todo
        )


def read_rows(path: str) -> list[dict[str, Any]]:
    """Return the rows of a small lake file.

    Raises
    ------
    LakeError
        It cannot be read; the message names it.
    """
    try:
        with pq.ParquetFile(path) as parquet:
            rows: list[dict[str, Any]] = parquet.read().to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"lake file {path} cannot be read", "whole Parquet") from error
    return rows
