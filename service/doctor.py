"""What a data directory holds and lacks, each with the next step."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from ledger.due_times import read_last_due
from ledger.engine import Ledger, attach_ledger, ledger_path
from ledger.jobs import count_jobs
from ledger.keys import load_pepper, read_keys
from ledger.releases import read_champions
from ledger.runs import RunKind, read_current_run
from ledger.workers import read_workers
from lifecycle.errors import TruecastError
from models.digest import compute_digest


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it is well, what was found, what to do."""

    check: str
    ok: bool
    found: str
    todo: str = ""


@dataclass(frozen=True)
class Folders:
    """Where things should be.

    Attributes
    ----------
    stale_after_days, refuse_after_days
        Age (days) of a model that is told, and that is a fault.
    """

    data_dir: Path
    lake_dir: Path
    bundles_dir: Path
    ledger_address: str
    stale_after_days: int = 30
    refuse_after_days: int = 90


LEAST_FREE_BYTES = 2**30
OLDEST_POSTGRESQL = 15
SCHEDULED = ("refresh", "train", "backtest")
WORKER_SILENCE = timedelta(minutes=2)
_COMMANDS: dict[RunKind, str] = {
    "scores": "truecast refresh --as-of D",
    "forecast": "truecast refresh --as-of D",
    "backtest": "truecast backtest --as-of D",
}


def examine(folders: Folders) -> list[Finding]:
    """Check a data directory; nothing is made, migrated or repaired."""
    folder = folders.data_dir
    findings = [_check_folder(folder), _check_lake(folders.lake_dir)]
    if folder.is_dir():
        findings.append(_check_space(folder))
    try:
        ledger = attach_ledger(folders.ledger_address)
    except TruecastError as error:
        return [*findings, Finding("ledger", False, str(error), "truecast migrate")]
    path = ledger_path(folders.ledger_address)
    findings.append(_check_server(ledger) if path is None else _check_ledger_file(path))
    checks: list[Callable[[], Iterator[Finding]]] = [
        lambda: _check_releases(ledger, folders),
        lambda: _check_runs(ledger),
        lambda: _check_keys(ledger, folder),
        lambda: _check_worker(ledger),
    ]
    for check in checks:
        try:
            findings += check()
        except TruecastError as error:
            findings.append(Finding("ledger", False, str(error), "restore it"))
    ledger.close()
    return findings


def _check_folder(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding("data directory", False, "missing", "give --data-dir, or ingest into it")
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("data directory", False, "not writable", "correct its permissions")
    if folder.stat().st_mode & 0o022:
        return Finding("data directory", False, "others may write to it", "chmod go-w it")
    return Finding("data directory", True, "writable")


def _check_lake(folder: Path) -> Finding:
    tables = sorted(log.parent.name for log in folder.glob("*/_delta_log"))
    facts = [name for name in tables if not name.startswith("_")]
    if not facts:
        return Finding("lake", False, "no tables", "truecast ingest FILE --mapping M")
    try:
        damaged = [path for name in tables for path in _damaged_files(folder / name)]
    except (OSError, ValueError, KeyError) as error:
        found = f"a log cannot be read: {error}"
        return Finding("lake", False, found, "restore lake/ from the backup")
    if damaged:
        found = f"{len(damaged)} damaged or missing, first {damaged[0].relative_to(folder)}"
        return Finding("lake", False, found, "restore lake/ from the backup")
    return Finding("lake", True, ", ".join(facts))


def _damaged_files(table: Path) -> list[Path]:
    """Return files of a table that are not as long as its log says.

    The log is read as text: the slim install has no Delta Lake. Commits that were already folded
    into a checkpoint and removed are not seen.
    """
    sizes: dict[str, int] = {}
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for line in commit.read_text(encoding="utf-8").splitlines():
            action = json.loads(line)
            if "add" in action:
                sizes[unquote(action["add"]["path"])] = action["add"]["size"]
            elif "remove" in action:
                sizes.pop(unquote(action["remove"]["path"]), None)
    held = {table / name: size for name, size in sizes.items()}
    return [path for path, size in held.items() if _length(path) != size]


def _length(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _check_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:,.1f} GiB free"
    todo = "make room: an ingest, a refresh or a job may fail"
    return Finding(
        "disk", free >= LEAST_FREE_BYTES, found, "" if free >= LEAST_FREE_BYTES else todo
    )


def _check_server(ledger: Ledger) -> Finding:
    """Say which PostgreSQL holds the ledger; that it answers was seen when it was attached."""
    version = int((ledger.engine.dialect.server_version_info or (0,))[0])
    found = f"migrated, on PostgreSQL {version}"
    if version < OLDEST_POSTGRESQL:
        return Finding("ledger", False, found, f"move to {OLDEST_POSTGRESQL} or newer")
    return Finding("ledger", True, found)


def _check_ledger_file(path: Path) -> Finding:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("ledger", False, f"mode {mode:o}: others may read it", "chmod 600 it")
    return Finding("ledger", True, "migrated, private")


def _check_releases(ledger: Ledger, folders: Folders) -> Iterator[Finding]:
    now = datetime.now(UTC)
    champions = read_champions(ledger)
    for model in ("churn", "clv"):
        if model not in {release.model for release in champions}:
            todo = f"truecast train {model} --as-of D"
            yield Finding(f"champion {model}", False, "never released", todo)
    for release in champions:
        name = f"champion {release.model} ({release.route}) over {release.horizon_days} days"
        days = (now - release.created_at).days
        found = f"{release.candidate}, version {release.version}, {days} days old"
        if days > folders.stale_after_days:
            found += ", stale"
        damage = _bundle_damage(folders.bundles_dir, release.digest) if release.digest else None
        if damage:
            yield Finding(name, False, f"{found}, {damage}", "restore bundles/, or train")
        elif days > folders.refuse_after_days:
            yield Finding(name, False, found, f"truecast train {release.model} --as-of D")
        else:
            yield Finding(name, True, found)


def _bundle_damage(bundles_dir: Path, digest: str) -> str | None:
    folder = bundles_dir / digest
    if not (folder / "bundle.json").is_file():
        return "bundle missing"
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return None if compute_digest(files) == digest else "bundle altered: its digest is wrong"


def _check_runs(ledger: Ledger) -> Iterator[Finding]:
    for kind, command in _COMMANDS.items():
        run = read_current_run(ledger, kind)
        if run is None:
            yield Finding(f"{kind} run", False, "never published", command)
        else:
            yield Finding(f"{kind} run", True, f"as of {run.as_of}, run {run.run_id}")


def _check_worker(ledger: Ledger) -> Iterator[Finding]:
    """Look whether jobs wait that nobody does; without jobs no worker is needed."""
    with ledger.reading() as connection:
        seen = read_workers(connection)
        begun = [read_last_due(connection, kind) for kind in SCHEDULED]
    waiting = count_jobs(ledger)["queued"]
    alive = bool(seen) and datetime.now(UTC) - seen[0].seen_at < WORKER_SILENCE
    found = "one works" if alive else "none works"
    found += f", {waiting} jobs wait"
    if last := max((one.due_at for one in begun if one is not None), default=None):
        found += f", the schedule was last due {last:%Y-%m-%d %H:%M} UTC"
    well = alive or not waiting
    yield Finding("worker", well, found, "" if well else "truecast worker")


def _check_keys(ledger: Ledger, data_dir: Path) -> Iterator[Finding]:
    now = datetime.now(UTC)
    living = [key for key in read_keys(ledger) if key.lives(now)]
    if not living:
        yield Finding("API keys", False, "none lives", "truecast keys create")
        return
    try:
        load_pepper(data_dir, create=False)
    except TruecastError as error:
        yield Finding("API keys", False, str(error), "restore the pepper file")
        return
    last = max(key.expires_at for key in living)
    yield Finding("API keys", True, f"{len(living)} living, the last until {last:%Y-%m-%d}")
