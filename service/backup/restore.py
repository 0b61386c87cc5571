"""Put a backup back: everything is checked in a hidden folder before anything is seen of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ledger.audit import Actor, AuditEntry, note_action
from ledger.audit_check import verify_audit, write_head
from ledger.copies import DUMP_FILE, SQLITE_FILE, check_state, read_state, restore_dump
from ledger.engine import attach_ledger, ledger_path, open_ledger
from ledger.migrate import head_revision
from ledger.releases import read_champions
from lifecycle.console import SilentTicker, Ticker
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import DataError, RefusedError, UsageError
from lifecycle.lake import Lake
from lifecycle.tables.catalog import TABLES
from service.backup.drafts import check_empty, drafted
from service.backup.make import BUNDLES, LAKE
from service.backup.manifest import Entry, Manifest, copy_file, read_manifest

SLACK_BYTES = 1 << 20


@dataclass(frozen=True)
class Restored:
    """What a restore did.

    Attributes
    ----------
    manifest
        What was in the backup.
    audit_rows
        How many rows of the audit log were checked, its last one being that of the restore.
    """

    manifest: Manifest
    audit_rows: int


def restore_backup(
    backup: Path,
    target: Path,
    find_address: Callable[[Path], str],
    *,
    by: Actor,
    ticker: Ticker | None = None,
) -> Restored:
    """Restore a backup into a new folder (and, for PostgreSQL, an empty database).

    Parameters
    ----------
    find_address
        Tells the ledger's address from a data directory with its settings file.

    Raises
    ------
    RefusedError
        The folder, or the database, holds something already.
    DataError
        The backup is not as it says, or its parts do not fit together.
    LedgerError, LakeError
        The machine has no room, or the database cannot be reached.
    """
    check_empty(target.absolute())
    manifest = read_manifest(backup)
    needed = manifest.size + SLACK_BYTES
    with drafted(target.absolute(), "restore", needed_bytes=needed) as (draft, show):
        for entry in manifest.files:
            _take(backup, draft, entry, ticker or SilentTicker())
        crashpoint("restore.copied")
        address = _place_ledger(manifest, draft, target, find_address)
        _check_lake(manifest, draft)
        with closing(open_ledger(address)) as ledger:
            verify_audit(ledger, draft)
            for release in read_champions(ledger):
                _check_bundle(draft, release.digest)
        crashpoint("restore.checked")
        show()
    crashpoint("restore.shown")
    # only now: until it is shown, a restore that was killed can be done again as it was
    with closing(attach_ledger(find_address(target))) as ledger:
        note_action(ledger, AuditEntry(by, "backup.restore", manifest.began_at))
        write_head(ledger, target)
        return Restored(manifest, verify_audit(ledger, target).rows)


def _take(backup: Path, draft: Path, entry: Entry, ticker: Ticker) -> None:
    try:
        found = copy_file(backup / entry.name, draft / entry.name, ticker.advance)
    except FileNotFoundError:
        found = (0, "missing")
    if found != (entry.size, entry.sha256):
        raise DataError(
            f"{entry.name} of the backup is damaged or missing ({found[0]:,} bytes)",
            f"{entry.size:,} bytes with the digest {entry.sha256[:12]}…; nothing was restored",
            "use another backup",
        )


def _place_ledger(
    manifest: Manifest, draft: Path, target: Path, find_address: Callable[[Path], str]
) -> str:
    """Return the address under which the restored ledger can be checked, after having filled it."""
    _check_step(manifest.ledger.revision)
    address = find_address(draft)
    path = ledger_path(address)
    if (path is None) != (manifest.ledger.kind == "postgresql"):
        raise UsageError(
            f"settings for another kind of ledger than the backup's {manifest.ledger.kind}",
            "an address of that kind",
            "set TRUECAST_LEDGER_URL (PostgreSQL), or unset it (SQLite)",
        )
    if path is None:
        restore_dump(address, draft / DUMP_FILE, manifest.ledger)
        (draft / DUMP_FILE).unlink()
        return address
    if path.absolute() not in {draft / SQLITE_FILE, target.absolute() / SQLITE_FILE}:
        raise UsageError(
            f"a ledger's address outside the new folder ({path.name})",
            "the ledger inside it",
            "unset TRUECAST_LEDGER_URL, or take ledger_url out of the backup's truecast.toml",
        )
    inside = f"sqlite:///{draft / SQLITE_FILE}"
    with closing(attach_ledger(inside, any_version=True)) as ledger:
        check_state(read_state(ledger.engine), manifest.ledger)
    return inside


def _check_step(revision: str | None) -> None:
    if revision is None or revision > head_revision():
        raise RefusedError(
            f"a ledger of step {revision}",
            f"one up to {head_revision()}",
            "restore it with the version of Truecast that made the backup",
        )


def _check_lake(manifest: Manifest, draft: Path) -> None:
    lake = Lake(draft / LAKE)
    for table in TABLES:
        lake.files(table)
    if lake.version() != manifest.lake_version:
        raise DataError("a lake of other batches", "those of the backup", "use another backup")


def _check_bundle(draft: Path, digest: str) -> None:
    if digest and not (draft / BUNDLES / digest).is_dir():
        raise DataError(
            f"no bundle {digest[:12]}… that the ledger names",
            "a bundle for every release that speaks; nothing was restored",
            "use another backup",
        )
