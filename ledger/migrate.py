"""Bring a ledger's tables to this version, by Alembic, inside one transaction.

Whoever dies on the way leaves the tables as they were, on PostgreSQL as on SQLite.

No ``env.py`` and no ``alembic.ini``: the steps are read from this package, so an installed wheel on
a read-only file system migrates as a source tree does.
"""

from __future__ import annotations

import time
from itertools import groupby
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import OperationalError

from ledger import tables  # noqa: F401 - declares them in the metadata
from ledger.declare import metadata
from lifecycle.errors import LedgerError

FOLDER = Path(__file__).parent / "migrations"
TURN_KEY = 7_236_183  # any number, but the same in all versions
TURN_SECONDS = 60
LOCK_SECONDS = 2
LOCK_TRY_MS = 400
LOCK_TRIES = 12
LOCK_PAUSE_SECONDS = 0.2


def head_revision() -> str:
    """Return the name of the newest schema step in this version."""
    return str(ScriptDirectory(str(FOLDER)).get_current_head())


def current_revision(connection: Connection) -> str | None:
    """Return the step a ledger stands at; ``None`` if it has no tables."""
    return MigrationContext.configure(connection).get_current_revision()


def check_revision(connection: Connection) -> None:
    """Refuse a ledger whose tables are not those of this version.

    Raises
    ------
    LedgerError
        The ledger is older, newer or empty.
    """
    found, expected = current_revision(connection), head_revision()
    if found != expected:
        raise LedgerError(
            f"the ledger's tables stand at {found or 'nothing'}",
            f"step {expected}",
            "run `truecast migrate` with this version of Truecast",
        )


def migrate(connection: Connection) -> str:
    """Apply the missing steps in the caller's transaction; return the step now reached.

    Raises
    ------
    LedgerError
        The ledger stands at a step this version does not know (it is newer).
    """
    script = ScriptDirectory(str(FOLDER))
    head = str(script.get_current_head())
    if connection.dialect.name == "postgresql":
        _wait_for_others(connection)  # before anything is read: a reader's lock would stop them
    found = current_revision(connection)
    if found == head:
        return head
    known = {step.revision for step in script.walk_revisions()}
    if found is not None and found not in known:
        raise LedgerError(
            f"the ledger's tables stand at {found}",
            f"one of {sorted(known)}",
            "install the newer version of Truecast that wrote it",
        )

    if connection.dialect.name == "postgresql":
        stop_writers(connection)
    environment = EnvironmentContext(
        Config(), script, fn=lambda revision, _: script._upgrade_revs(head, revision)
    )
    with environment:
        environment.configure(connection=connection, target_metadata=metadata)
        environment.run_migrations()
    if connection.dialect.name == "postgresql":
        _compare_by_code(connection)
    return head


def _wait_for_others(connection: Connection) -> None:
    """Let one migration run at a time; it may take locks only as long as requests can wait."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN_KEY})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


def stop_writers(connection: Connection) -> None:
    """Take every table's lock against writers, all of them or none.

    Taken one by one along the steps, a lock could be waited for while a writer waits for another:
    the server would end one of the two, and it may be the writer. Here nothing is held for as long
    as the server takes to see that (1 s).

    Raises
    ------
    LedgerError
        Somebody writes for long.
    """
    names = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if not names:
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TRY_MS}ms'")
    for _ in range(LOCK_TRIES):
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(
                    f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE"
                )
        except OperationalError:
            time.sleep(LOCK_PAUSE_SECONDS)  # those who wait for us go first
            continue
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        return
    raise LedgerError(
        "the ledger's tables are being written for long",
        "a moment without writers",
        "run `truecast migrate` again, when no job runs",
    )


def _compare_by_code(connection: Connection) -> None:
    """Give every text column the order of SQLite, whatever the database's language is.

    An order by language also changes with the machine's libraries, which breaks indexes.
    """
    columns = connection.exec_driver_sql(
        "SELECT table_name, quote_ident(column_name), character_maximum_length "
        "FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND data_type IN ('character varying', 'text') AND collation_name IS NULL "
        "AND table_name <> 'alembic_version' "  # which every process reads when it starts
        "ORDER BY table_name, ordinal_position"
    ).all()
    for table, rows in groupby(columns, lambda row: row[0]):
        changes = ", ".join(
            f'ALTER COLUMN {name} TYPE {f"varchar({length})" if length else "text"} COLLATE "C"'
            for _, name, length in rows
        )
        connection.exec_driver_sql(f"ALTER TABLE {table} {changes}")
