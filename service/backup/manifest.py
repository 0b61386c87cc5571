"""What is in a backup: every file with its length and digest, and what it was taken from."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ledger.copies import LedgerState
from lifecycle.errors import DataError

MANIFEST_FILE = "backup.json"
FORMAT = 1
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file: its name inside the backup, its length (bytes) and its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    Attributes
    ----------
    app_version
        The version of Truecast that made it.
    began_at
        UTC instant (ISO 8601): all that was acknowledged before it is in the backup.
    ledger
        What the copied ledger holds.
    lake_version
        The digest of the visible facts, see `lifecycle.lake.Lake.version`.
    files
        Everything else in the backup, by name.
    """

    app_version: str
    began_at: str
    ledger: LedgerState
    lake_version: str
    files: tuple[Entry, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    def write(self, folder: Path) -> str:
        """Write it into a folder and return its digest (SHA-256, hex)."""
        document = {"format": FORMAT, **asdict(self)}
        content = json.dumps(document, indent=1).encode() + b"\n"
        write_whole(folder / MANIFEST_FILE, content)
        return hashlib.sha256(content).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read what a backup says that it holds.

    Raises
    ------
    DataError
        It says nothing, or not in this version's words.
    """
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
        if told.pop("format") != FORMAT:
            raise ValueError
        ledger = LedgerState(**told.pop("ledger"))
        files = tuple(_checked(Entry(**entry)) for entry in told.pop("files"))
        return Manifest(**told, ledger=ledger, files=files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"no readable {MANIFEST_FILE} in {folder.name!r}",
            "a folder that `truecast backup` has made",
            "correct --from",
        ) from error


def copy_file(source: Path, target: Path, advance: Callable[[int], None]) -> tuple[int, str]:
    """Copy a file so that it is on the disk; return its length and digest. Only we may read it.

    Raises
    ------
    DataError
        The source is a link or no file.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    taken = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    with open(taken, "rb") as read:
        if not stat.S_ISREG(os.fstat(read.fileno()).st_mode):
            raise DataError(f"{source.name!r} is no file", "plain files only", "leave it out")
        digest, size = hashlib.sha256(), 0
        with open(os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as written:
            while chunk := read.read(CHUNK_BYTES):
                written.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                advance(len(chunk))
            written.flush()
            os.fsync(written.fileno())
    return size, digest.hexdigest()


def measure_file(path: Path) -> tuple[int, str]:
    """Return length and digest of a file that lies there already, and put it on the disk."""
    with path.open("rb") as read:
        digest = hashlib.file_digest(read, "sha256").hexdigest()
        os.fsync(read.fileno())
    path.chmod(0o600)
    return path.stat().st_size, digest


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file so that it is on the disk; only we may read it."""
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())


def settle_folder(folder: Path) -> None:
    """Put the names in a folder, and in those below it, on the disk; only we may look into them."""
    for path in (*(one for one in folder.rglob("*") if one.is_dir()), folder):
        path.chmod(0o700)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _checked(entry: Entry) -> Entry:
    """Refuse a name that leads out of the folder."""
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts or str(name) != entry.name or "\0" in entry.name:
        raise ValueError(entry.name[:60])
    return entry
