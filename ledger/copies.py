"""A ledger copied while others write it, as one instant had it, and put back into an empty place.

SQLite copies itself (its backup interface, in one step: a plain copy of the file would miss what
still lies in the write-ahead log, or be torn). PostgreSQL is copied by its own ``pg_dump``, from
the snapshot in which the rows were counted.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, table
from sqlalchemy.engine import make_url

from ledger.access_tables import audit_heads
from ledger.engine import Ledger, attach_ledger
from ledger.migrate import current_revision
from ledger.postgresql import describe_failure
from lifecycle.errors import DataError, LedgerError, RefusedError

SQLITE_FILE, DUMP_FILE = "ledger.sqlite", "ledger.dump"


@dataclass(frozen=True)
class LedgerState:
    """What a ledger held at one instant.

    Attributes
    ----------
    kind
        ``sqlite`` or ``postgresql``.
    revision
        The schema step of its tables.
    audit_head
        Hash of the audit log's last row; empty where there is no log.
    counts
        Rows by table.
    """

    kind: str
    revision: str | None
    audit_head: str
    counts: dict[str, int]


def copy_ledger(ledger: Ledger, folder: Path) -> LedgerState:
    """Copy a ledger into a folder as one instant has it; others go on writing.

    Raises
    ------
    LedgerError
        It cannot be read, there is no room, or ``pg_dump`` is missing or fails.
    """
    if ledger.path is None:
        return _dump(ledger, folder / DUMP_FILE)
    target = folder / SQLITE_FILE
    with closing(ledger.engine.raw_connection()) as raw, closing(sqlite3.connect(target)) as copy:
        try:
            raw.driver_connection.backup(copy)  # type: ignore[union-attr]
            copy.execute("PRAGMA journal_mode=DELETE")  # the copy is one file
        except sqlite3.Error as error:
            raise LedgerError(
                f"the ledger could not be copied: {error}", "room on the disk", "make room"
            ) from error
    with closing(attach_ledger(f"sqlite:///{target}", any_version=True)) as made:
        state = read_state(made.engine)
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")
    return state


def read_state(engine: Engine) -> LedgerState:
    """Return what a ledger holds, as one instant has it."""
    with engine.connect() as connection:
        return _read_state(connection)


def restore_dump(url: str, dump: Path, state: LedgerState) -> None:
    """Fill an empty database from a dump, in one transaction; one that holds just that stays.

    Raises
    ------
    RefusedError
        The database holds tables already.
    LedgerError
        It cannot be reached, or ``pg_restore`` is missing or fails.
    """
    with closing(attach_ledger(url, any_version=True)) as ledger:
        found = read_state(ledger.engine)
    if found == state:
        return  # an earlier restore was interrupted after this
    if found.counts:
        raise RefusedError(
            f"a database with {len(found.counts)} tables",
            "an empty one: a restore never writes over anything",
            "create a database and name it in TRUECAST_LEDGER_URL",
        )
    words = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    with _address(url) as address:
        _run("pg_restore", [*words, f"--dbname={address}", str(dump)])
    with closing(attach_ledger(url, any_version=True)) as ledger:
        check_state(read_state(ledger.engine), state)


def check_state(found: LedgerState, expected: LedgerState) -> None:
    """Refuse a ledger that does not hold what the backup says.

    Raises
    ------
    DataError
        The first table that differs is named.
    """
    if found == expected:
        return
    counts = {**expected.counts, **found.counts}
    wrong = [
        f"{name}: {found.counts.get(name, 0)} rows instead of {expected.counts.get(name, 0)}"
        for name in sorted(counts)
        if found.counts.get(name) != expected.counts.get(name)
    ]
    told = wrong[0] if wrong else f"step {found.revision} or another head of the audit log"
    raise DataError(
        f"the restored ledger differs ({told})", "what the backup says", "use another backup"
    )


def _read_state(connection: Connection) -> LedgerState:
    names = sorted(inspect(connection).get_table_names())
    counts = {
        name: connection.scalar(select(func.count()).select_from(table(name))) or 0
        for name in names
    }
    head = ""
    if audit_heads.name in counts:
        head = connection.scalar(select(audit_heads.c.hash)) or ""
    return LedgerState(connection.dialect.name, current_revision(connection), head, counts)


def _dump(ledger: Ledger, target: Path) -> LedgerState:
    find_program("pg_dump")
    with ledger.reading() as connection:
        # the dump may take longer than a transaction may idle
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        state = _read_state(connection)
        words = ["--format=custom", "--no-password", f"--snapshot={snapshot}", f"--file={target}"]
        with _address(ledger.engine.url.render_as_string(hide_password=False)) as address:
            _run("pg_dump", [*words, f"--dbname={address}"])
    return state


def find_program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs.

    Raises
    ------
    LedgerError
        It is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise LedgerError(
            f"no program {name} on this machine",
            f"PostgreSQL's {name}, of the server's version or newer, on PATH",
            "install postgresql-client, or copy the ledger with your database's own means",
        )
    return found


@contextmanager
def _address(url: str) -> Iterator[str]:
    """Give the address for PostgreSQL's programs; its password in a file that only we may read."""
    parsed = make_url(url)
    plain = parsed.set(drivername="postgresql", password=None)
    if not parsed.password:
        yield plain.render_as_string(hide_password=False)
        return
    password = str(parsed.password).replace("\\", "\\\\").replace(":", "\\:")
    with tempfile.NamedTemporaryFile("w", prefix="truecast-", encoding="utf-8") as file:
        file.write(f"*:*:*:*:{password}\n")
        file.flush()
        named = plain.update_query_dict({"passfile": file.name})
        yield named.render_as_string(hide_password=False)


def _run(name: str, words: list[str]) -> None:
    done = subprocess.run([find_program(name), *words], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    told = done.stderr.strip()
    if "version mismatch" in told:
        why = f"{name} is older than the server"
    elif "No space left" in told or "could not write" in told:
        why = "the disk is full"
    else:
        why = describe_failure(RuntimeError(told))
    raise LedgerError(
        f"{name} failed: {why}", "a copy of the ledger", "correct it and run the command again"
    )
