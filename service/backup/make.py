"""Make a backup: the ledger first, then what it speaks of, then what says how long they all are.

The ledger names bundles by digest, facts by batch and keys under the pepper. Each of these is there
before the ledger names it and is not changed afterwards, so that whatever is copied later than the
ledger holds all that the copied ledger names. The other way round it could name what is missing.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ledger.audit_check import HEAD_FILE
from ledger.copies import DUMP_FILE, SQLITE_FILE, LedgerState, copy_ledger
from ledger.engine import Ledger
from ledger.pepper import PEPPER_FILE
from lifecycle.console import SilentTicker, Ticker
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import UsageError
from lifecycle.lake_copy import copy_lake
from service.backup.drafts import drafted
from service.backup.manifest import Entry, Manifest, copy_file, measure_file

LAKE, BUNDLES = "lake", "bundles"
MLFLOW_FILE, MLFLOW_FOLDER = "mlflow.sqlite", "mlflow-artifacts"
SETTINGS_FILE = "truecast.toml"
PARTS = ("ledger", "secrets", "bundles", "lake", "training")
"""In this order; see above."""
MADE_AGAIN = frozenset({"frames", "quarantine", "serving"})
"""Folders that are left out: what is in them is made again."""


@dataclass
class Copying:
    """A backup on its way.

    Attributes
    ----------
    source, draft
        The data directory, and where the backup is built.
    files
        What was copied so far.
    """

    source: Path
    draft: Path
    ledger: Ledger
    ticker: Ticker = field(default_factory=SilentTicker)
    files: dict[str, Entry] = field(default_factory=dict)
    state: LedgerState | None = None
    lake_version: str = ""

    def copy(self, name: str) -> None:
        """Copy one file of the data directory."""
        size, digest = copy_file(self.source / name, self.draft / name, self.ticker.advance)
        self.files[name] = Entry(name, size, digest)
        crashpoint("backup.copied")

    def add(self, name: str) -> None:
        """Take in a file that something else has put into the draft."""
        self.files[name] = Entry(name, *measure_file(self.draft / name))
        self.ticker.advance(self.files[name].size)
        crashpoint("backup.copied")

    def drop(self, folder: str) -> None:
        """Take back what was copied of a folder."""
        shutil.rmtree(self.draft / folder, ignore_errors=True)
        for name in [one for one in self.files if one.startswith(f"{folder}/")]:
            del self.files[name]


def make_backup(
    data_dir: Path,
    ledger: Ledger,
    target: Path,
    *,
    ticker: Ticker | None = None,
    begun: Callable[[], None] = lambda: None,
) -> tuple[Manifest, str]:
    """Copy a company whole into a new folder; return what is in it, and the digest of that list.

    Others go on writing. What they acknowledged before this began is in the backup.

    Parameters
    ----------
    begun
        Called before anything is copied: whoever erases a person from then on is to know.

    Raises
    ------
    UsageError
        The target lies in the data directory.
    RefusedError
        The target holds something already.
    LedgerError, LakeError
        Something cannot be read, or there is no room.
    """
    source, target = data_dir.absolute(), target.absolute()
    if target.is_relative_to(source):
        raise UsageError(
            "a backup inside the data directory", "a folder outside of it", "correct --to"
        )
    began = datetime.now(UTC)
    with drafted(target, "backup", needed_bytes=measure_company(source)) as (draft, show):
        begun()
        copying = Copying(source, draft, ledger, ticker or SilentTicker())
        for part in PARTS:
            COPIERS[part](copying)
        assert copying.state is not None
        files = tuple(copying.files[name] for name in sorted(copying.files))
        manifest = Manifest(
            find_version(), began.isoformat(), copying.state, copying.lake_version, files
        )
        digest = manifest.write(draft)
        crashpoint("backup.listed")
        show()
    crashpoint("backup.shown")
    return manifest, digest


def measure_company(folder: Path) -> int:
    """Return how many bytes a backup will about have."""
    kept = [folder / name for name in (LAKE, BUNDLES, MLFLOW_FOLDER) if (folder / name).is_dir()]
    files = [path for one in kept for path in one.rglob("*")]
    files += [folder / SQLITE_FILE, folder / MLFLOW_FILE]
    total = 0
    for path in files:
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # somebody else works here
            continue
    return total


def find_version() -> str:
    """Return this program's version."""
    try:
        return version("truecast")
    except PackageNotFoundError:  # a source tree
        return "unreleased"


def _copy_ledger(copying: Copying) -> None:
    if (copying.source / HEAD_FILE).is_file():
        copying.copy(HEAD_FILE)  # before the log that it must not be ahead of
    copying.state = copy_ledger(copying.ledger, copying.draft)
    copying.add(SQLITE_FILE if copying.state.kind == "sqlite" else DUMP_FILE)
    crashpoint("backup.ledger")


def _copy_secrets(copying: Copying) -> None:
    for name in (PEPPER_FILE, SETTINGS_FILE):
        if (copying.source / name).is_file():
            copying.copy(name)


def _copy_bundles(copying: Copying) -> None:
    for name in _files_below(copying.source, BUNDLES):
        copying.copy(name)


def _copy_lake(copying: Copying) -> None:
    def copy(source: Path, name: str) -> None:
        copying.copy(f"{LAKE}/{name}")

    root, target = copying.source / LAKE, copying.draft / LAKE
    copying.lake_version = copy_lake(root, target, copy, forget=lambda: copying.drop(LAKE))


def _copy_training(copying: Copying) -> None:
    """Copy MLflow's store, a record that nothing rests on: a file that goes meanwhile is passed."""
    stored = copying.source / MLFLOW_FILE
    if not stored.is_file():
        return
    address = f"file:{stored}?mode=ro"
    target = copying.draft / MLFLOW_FILE
    with (
        closing(sqlite3.connect(address, uri=True)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)
        written.execute("PRAGMA journal_mode=DELETE")
    copying.add(MLFLOW_FILE)
    for name in _files_below(copying.source, MLFLOW_FOLDER):
        with suppress(FileNotFoundError):
            copying.copy(name)


def _files_below(root: Path, folder: str) -> Iterator[str]:
    """Yield the names of a folder's files; those whose name begins with a dot are drafts."""
    for path in sorted((root / folder).rglob("*")):
        name = path.relative_to(root)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix()


COPIERS: dict[str, Callable[[Copying], None]] = {
    "ledger": _copy_ledger,
    "secrets": _copy_secrets,
    "bundles": _copy_bundles,
    "lake": _copy_lake,
    "training": _copy_training,
}
