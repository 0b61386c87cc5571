"""The only door to the SQL store: opening it, and transactions that keep their word.

SQLite runs with write-ahead logging and ``synchronous=FULL``: a commit that was acknowledged is on
disk. A writing transaction begins with ``BEGIN IMMEDIATE``: a deferred one that reads first and
writes later fails at once beside another writer, whatever the busy timeout.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Select, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from ledger.migrate import check_revision, migrate
from lifecycle.errors import ConflictError, LedgerError, UsageError

BUSY_TIMEOUT_MS = 5_000
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cache_size=-16384",  # KiB: the pages of some ten thousand scores
    "PRAGMA recursive_triggers=ON",  # or INSERT OR REPLACE would pass the append-only guards
)


@dataclass(frozen=True)
class Ledger:
    """An open ledger.

    Attributes
    ----------
    engine
        SQLAlchemy engine; its connections carry the pragmas above.
    path
        The SQLite file; ``None`` for a server.
    """

    engine: Engine
    path: Path | None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the ledger.

        Raises
        ------
        LedgerError
            The store cannot be read.
        """
        with _translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose work is committed at the end, or not at all.

        Raises
        ------
        ConflictError
            A row breaks a rule of the ledger (a key twice, an append-only row changed).
        LedgerError
            The store cannot be written (locked, full, read-only).
        """
        with _translated(), self.engine.connect() as connection:
            writer = connection.execution_options(begin_immediate=True)
            with writer.begin():
                yield writer

    def fetch(self, query: Select[Any], values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run one prepared reading statement straight on the driver.

        For the busiest read only: the library's execution costs several times the statement itself.
        The columns must be of kinds that the driver returns as they are (text, numbers).

        Raises
        ------
        LedgerError
            The store cannot be read.
        """
        text, names = _compile(query, self.engine.dialect)
        with _translated():
            raw = self.engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute(text, tuple(values[name] for name in names))
                return list(cursor.fetchall())
            except self.engine.dialect.loaded_dbapi.Error as error:
                raise _failed(error) from error
            finally:
                raw.close()

    def close(self) -> None:
        """Give all pooled connections back."""
        self.engine.dispose()


def open_ledger(url: str) -> Ledger:
    """Open a ledger to write and read: made if missing, migrated to this version's tables.

    Parameters
    ----------
    url
        SQLAlchemy address, for example ``sqlite:////var/lib/truecast/ledger.sqlite``.

    Raises
    ------
    UsageError
        The address is not a SQLite address.
    LedgerError
        The store cannot be opened, or was written by a newer version.
    """
    path = ledger_path(url)
    _create_private(path)
    ledger = _connect(url, path)
    with ledger.writing() as connection:
        migrate(connection)
    return ledger


def attach_ledger(url: str) -> Ledger:
    """Open an existing ledger as it is: nothing is made and nothing is migrated.

    Raises
    ------
    LedgerError
        It is missing, or its tables are not those of this version.
    """
    path = ledger_path(url)
    if not path.is_file():
        raise LedgerError(
            f"no ledger at {path.name} in the data directory",
            "a ledger",
            "run `truecast migrate`, then `truecast refresh`, with the same --data-dir",
        )
    ledger = _connect(url, path)
    with ledger.reading() as connection:
        check_revision(connection)
    return ledger


def ledger_path(url: str) -> Path:
    """Return the file behind a SQLite address.

    Raises
    ------
    UsageError
        The address cannot be read, or names another store or no file.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError(
            "the ledger's address cannot be read", "sqlite:///<file>", "correct it"
        ) from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise UsageError(
            f"ledger address of kind {parsed.get_backend_name()[:40]!r}",
            "sqlite:///<file> (a server comes with a later version)",
            "correct TRUECAST_LEDGER_URL",
        )
    return Path(str(parsed.database))


def _connect(url: str, path: Path) -> Ledger:
    engine = create_engine(url, pool_size=8, max_overflow=8, pool_timeout=2, pool_use_lifo=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return Ledger(engine, path)


def _create_private(path: Path) -> None:
    """Make the file readable by its owner only; SQLite gives its side files the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
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
    cursor.close()


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("begin_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into the house's, without its SQL and parameters."""
    try:
        yield
    except IntegrityError as error:
        raise ConflictError(
            f"the ledger refused a row: {error.orig}",
            "new rows that keep its rules",
            "begin a new run instead of changing what was said",
        ) from error
    except DBAPIError as error:
        raise _failed(error.orig) from error
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger failed: {str(error)[:200]}") from error


def _failed(error: BaseException | None) -> LedgerError:
    return LedgerError(
        f"the ledger failed: {error}",
        "a readable, writable, unlocked store with room on its disk",
        "run `truecast doctor`",
    )


@lru_cache(maxsize=512)
def _compile(query: Select[Any], dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """Turn a statement into the driver's text and the order of its values."""
    compiled = query.compile(dialect=dialect)
    return str(compiled), tuple(getattr(compiled, "positiontup", None) or ())
