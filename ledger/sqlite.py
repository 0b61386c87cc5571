"""SQLite behind the ledger: its file, and what its connections carry.

It runs with write-ahead logging and ``synchronous=FULL``: a commit that was acknowledged is on
disk. A writing transaction begins with ``BEGIN IMMEDIATE``: a deferred one that reads first and
writes later fails at once beside another writer, whatever the busy timeout.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from lifecycle.errors import LedgerError

BUSY_TIMEOUT_MS = 5_000
PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cache_size=-16384",  # KiB: the pages of some ten thousand scores
    "PRAGMA recursive_triggers=ON",  # or INSERT OR REPLACE would pass the append-only guards
)


def connect_sqlite(url: str, *, pool_size: int) -> Engine:
    """Build an engine whose connections carry the pragmas; nothing is connected yet."""
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=2, pool_use_lifo=True
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def create_private(path: Path) -> None:
    """Make the file readable by its owner only; SQLite gives its side files the same mode.

    Raises
    ------
    LedgerError
        It cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # closing a file drops all locks that this process has on it, those of SQLite too
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerError(
            f"the ledger cannot be made ({error.strerror})",
            "a writable data directory",
            "correct --data-dir or its permissions",
        ) from error


def _prepare(raw: Any, record: Any) -> None:
    raw.isolation_level = None  # the driver begins nothing by itself: `_begin` decides
    cursor = raw.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    _log_ahead(cursor)
    cursor.close()


def _log_ahead(cursor: Any) -> None:
    """Switch the file to write-ahead logging, patiently: the busy timeout does not cover it."""
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("begin_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
