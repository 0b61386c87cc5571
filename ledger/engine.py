"""The only door to the SQL store, SQLite or PostgreSQL: opening it, and transactions.

On both a commit that was acknowledged is on disk. What only one of them needs stands in
``ledger.sqlite`` and ``ledger.postgresql``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, Select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from ledger.migrate import check_revision, migrate
from ledger.postgresql import connect_postgresql, describe_failure, without_transaction
from ledger.sqlite import connect_sqlite, create_private
from lifecycle.errors import ConflictError, LedgerError, TruecastError, UsageError


@dataclass(frozen=True)
class Limits:
    """How much of the store one process may use.

    Attributes
    ----------
    threads
        How many threads ask at once; the pool holds two connections more.
    statement_seconds
        How long one statement may run on PostgreSQL.
    """

    threads: int = 14
    statement_seconds: int = 8


WEB_LIMITS = Limits()
JOB_LIMITS = Limits(statement_seconds=900)


@dataclass(frozen=True)
class Ledger:
    """An open ledger.

    Attributes
    ----------
    engine
        SQLAlchemy engine; ``engine.dialect.name`` is ``sqlite`` (its connections carry the pragmas
        above) or ``postgresql``.
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
            if self.path is None:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
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
        dialect = self.engine.dialect
        text, names = _compile(query, dialect)
        given = {**values} if names is None else tuple(values[name] for name in names)
        with _translated():
            try:
                raw = self.engine.raw_connection()
            except dialect.loaded_dbapi.Error as error:
                raise _failed(error) from error
            alone = nullcontext() if self.path else without_transaction(raw.driver_connection)
            try:
                with alone:
                    return list(raw.cursor().execute(text, given).fetchall())
            except dialect.loaded_dbapi.Error as error:
                if dialect.is_disconnect(error, raw.driver_connection, None):
                    raw.invalidate(error)
                raise _failed(error) from error
            finally:
                raw.close()

    def close(self) -> None:
        """Give all pooled connections back."""
        self.engine.dispose()


def open_ledger(url: str, limits: Limits = JOB_LIMITS) -> Ledger:
    """Open a ledger to write and read: made if missing, migrated to this version's tables.

    On PostgreSQL the database must be there; the tables are made.

    Parameters
    ----------
    url
        SQLAlchemy address, for example ``sqlite:////var/lib/truecast/ledger.sqlite`` or
        ``postgresql+psycopg://truecast@db.internal/truecast?sslmode=verify-full``.

    Raises
    ------
    UsageError
        The address is of neither kind.
    LedgerError
        The store cannot be opened, or was written by a newer version.
    """
    path = ledger_path(url)
    if path is not None:
        create_private(path)
    ledger = _connect(url, path, limits)
    try:
        with ledger.writing() as connection:
            migrate(connection)
    except TruecastError:
        ledger.close()
        raise
    return ledger


def attach_ledger(url: str, limits: Limits = WEB_LIMITS, *, any_version: bool = False) -> Ledger:
    """Open an existing ledger as it is: nothing is made and nothing is migrated.

    Parameters
    ----------
    any_version
        Whatever its tables are: it is only copied.

    Raises
    ------
    UsageError
        The address is of neither kind.
    LedgerError
        It is missing, or its tables are not those of this version.
    """
    path = ledger_path(url)
    if path is not None and not path.is_file():
        raise LedgerError(
            f"no ledger at {path.name} in the data directory",
            "a ledger",
            "run `truecast migrate`, then `truecast refresh`, with the same --data-dir",
        )
    ledger = _connect(url, path, limits)
    try:
        with ledger.reading() as connection:
            if not any_version:
                check_revision(connection)
    except TruecastError:
        ledger.close()
        raise
    return ledger


def ledger_path(url: str) -> Path | None:
    """Return the file behind a SQLite address; ``None`` for an address of PostgreSQL.

    Raises
    ------
    UsageError
        The address cannot be read, or names another store or no file.
    """
    parsed = _parse(url)
    if parsed.drivername == "postgresql+psycopg" and parsed.database:
        return None
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise UsageError(
            f"ledger address of kind {parsed.drivername[:40]!r} without what it needs",
            "sqlite:///<file> or postgresql+psycopg://<user>@<host>/<database>",
            "correct TRUECAST_LEDGER_URL",
        )
    return Path(str(parsed.database))


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # its text would repeat the address, password and all
        raise UsageError(
            "the ledger's address cannot be read",
            "sqlite:///<file> or postgresql+psycopg://<user>@<host>/<database>",
            "correct TRUECAST_LEDGER_URL; write %40 for an @ inside a password",
        ) from None


def _connect(url: str, path: Path | None, limits: Limits) -> Ledger:
    size = limits.threads + 2
    if path is None:
        engine = connect_postgresql(
            _parse(url), pool_size=size, statement_seconds=limits.statement_seconds
        )
        return Ledger(engine, None)
    return Ledger(connect_sqlite(url, pool_size=size), path)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into the house's, without its SQL and parameters."""
    try:
        yield
    except IntegrityError as error:
        raise ConflictError(
            f"the ledger refused a row: {_describe(error.orig)}",
            "new rows that keep its rules",
            "begin a new run instead of changing what was said",
        ) from error
    except DBAPIError as error:
        raise _failed(error.orig) from error
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger failed: {str(error)[:200]}") from error


def _failed(error: BaseException | None) -> LedgerError:
    return LedgerError(
        f"the ledger failed: {_describe(error)}",
        "a readable, writable, unlocked store with room on its disk",
        "run `truecast doctor`",
    )


def _describe(error: BaseException | None) -> str:
    """Return the driver's words; PostgreSQL's are chosen, for they may name what is secret."""
    return str(error) if isinstance(error, sqlite3.Error) else describe_failure(error)


@lru_cache(maxsize=512)
def _compile(query: Select[Any], dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
    """Turn a statement into the driver's text and the order of its values; ``None``: by name."""
    compiled: Any = query.compile(dialect=dialect)
    return str(compiled), tuple(compiled.positiontup) if compiled.positional else None
