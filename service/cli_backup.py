"""The commands that keep and forget: backup, restore, erase."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ledger.audit import AuditEntry, note_action
from ledger.audit_check import write_head
from ledger.engine import Ledger, attach_ledger
from ledger.migrate import current_revision, head_revision
from lifecycle.console import Console
from lifecycle.errors import UsageError
from lifecycle.options import DataDir, Json
from lifecycle.settings import load_existing, load_settings
from service.backup.make import make_backup, measure_company
from service.backup.manifest import read_manifest
from service.backup.restore import restore_backup
from service.cli_access import operator
from service.erasure import STEPS, erase_subject

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def backup(
    to: Annotated[Path, typer.Option("--to", help="New folder, outside the data directory.")],
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Copy the whole company into a folder, as it stands, while others go on working.

    Lake, ledger, released models, the secret that keys are hashed with, settings and the record of
    training. Whoever can read the backup can read everything: keep it as you keep the data.

    Example: truecast backup --to /backups/2026-11-22 --data-dir ./truecast-data
    """
    console, began = Console(json), time.monotonic()
    settings = load_existing(data_dir)
    with closing(attach_ledger(settings.ledger_address, any_version=True)) as ledger:
        total = measure_company(settings.data_dir)
        with console.progress("copying", total) as ticker:
            manifest, digest = make_backup(
                settings.data_dir,
                ledger,
                to,
                ticker=ticker,
                begun=partial(_note, settings.data_dir, ledger, "backup.begin", to.name),
            )
        _note(settings.data_dir, ledger, "backup.make", digest)
    took = time.monotonic() - began
    console.say(
        f"{manifest.size / 1e6:,.1f} MB in {len(manifest.files):,} files are in {to} "
        f"({took:.1f} s); all that was acknowledged before {manifest.began_at} is in it"
    )
    console.emit(
        {
            "backup": str(to),
            "sha256": digest,
            "began_at": manifest.began_at,
            "files": len(manifest.files),
            "bytes": manifest.size,
            "seconds": round(took, 2),
        }
    )


def _note(folder: Path, ledger: Ledger, action: str, what: str) -> None:
    """Write it into the audit log, if that log is one of this version."""
    with ledger.reading() as connection:
        is_current = current_revision(connection) == head_revision()
    if is_current:
        note_action(ledger, AuditEntry(operator(), action, what))
        write_head(ledger, folder)


@app.command()
def restore(
    source: Annotated[Path, typer.Option("--from", help="Folder that a backup has made.")],
    data_dir: Annotated[Path | None, typer.Option(help="New or empty folder.")] = None,
    *,
    json: Json = False,
) -> None:
    """Put a backup back into an empty folder; it is seen once every file was checked.

    A ledger on PostgreSQL goes into the empty database that TRUECAST_LEDGER_URL names.

    Example: truecast restore --from /backups/2026-11-22 --data-dir ./truecast-data
    """
    console, began = Console(json), time.monotonic()
    if data_dir is None:
        raise UsageError("no --data-dir", "the new folder, named outright", "give --data-dir")
    with console.progress("checking and copying", read_manifest(source).size) as ticker:
        done = restore_backup(
            source,
            data_dir,
            lambda folder: load_settings(folder).ledger_address,
            by=operator(),
            ticker=ticker,
        )
    took = time.monotonic() - began
    console.say(
        f"restored as of {done.manifest.began_at} into {data_dir} in {took:.1f} s: "
        f"{len(done.manifest.files):,} files as they were, "
        f"{done.audit_rows:,} rows of the audit log whole"
    )
    console.emit(
        {
            "data_dir": str(data_dir),
            "as_of": done.manifest.began_at,
            "files": len(done.manifest.files),
            "bytes": done.manifest.size,
            "audit_rows": done.audit_rows,
            "seconds": round(took, 2),
        }
    )


@app.command()
def erase(
    subject: Annotated[str, typer.Option(help="Whom to forget: contact:<id>.")],
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Forget a person: remove what describes them, and replace their id by one that says nothing.

    Counts stay what they were, and with them features, scores and forecasts. Erase the person in
    the system that the facts come from first, or the next ingest brings them back.

    Example: truecast erase --subject contact:003xx00001 --data-dir ./truecast-data
    """
    console, began = Console(json), time.monotonic()
    settings = load_existing(data_dir)
    with (
        closing(attach_ledger(settings.ledger_address)) as ledger,
        console.progress("erasing", STEPS) as ticker,
    ):
        report = erase_subject(settings.data_dir, ledger, subject, by=operator(), ticker=ticker)
    told = report.told()
    rows = [(name, count, "id replaced") for name, count in told["renamed_rows"].items()]
    rows += [(name, count, "removed") for name, count in told["removed_rows"].items()]
    rows += [("quarantine", told["quarantined_lines"], "removed")]
    shown = [row for row in rows if row[1]]
    if shown:
        console.table(f"erased {report.subject}", ["table", "rows", "what"], shown)
    else:
        console.say(f"nothing was left of {report.subject}")
    if report.backups:
        console.say(
            f"{report.backups} backups that were made before still hold the person, as do copies "
            "made by other means: delete them, or erase again after a restore"
        )
    console.emit({**told, "seconds": round(time.monotonic() - began, 2)})
