"""PostgreSQL behind the ledger: its connections' limits, and what may be said of its failures.

A writing transaction is READ COMMITTED, for keys and guards do the rest; a reading one is
REPEATABLE READ, for it promises one state of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

LOCK_MS = 2_000
IDLE_MS = 30_000
CONNECT_SECONDS = 2
GRACE_SECONDS = 1  # the server ends a slow statement by itself; the client waits a little longer

# what the driver's text may hold is for nobody's eyes (addresses, names, parts of a mistyped
# password), so that it is only searched for words
_REASONS = (
    ("authentication failed", "it refuses the user or the password"),
    ("no password supplied", "it asks for a password"),
    ("does not exist", "it knows no such database or user"),
    ("host name", "its host name is unknown"),
    ("certificate", "its TLS certificate cannot be trusted"),
    ("SSL", "it does not speak TLS as asked"),
    ("timeout", "it gave no answer in time"),
    ("starting up", "it is starting"),
    ("shutting down", "it is stopping"),
    ("connection slots", "it takes no more connections"),
    ("too many", "it takes no more connections"),
    ("refused", "nobody listens at its address"),
    ("No such file", "nobody listens at its address"),
)


def connect_postgresql(url: URL, *, pool_size: int, statement_seconds: int) -> Engine:
    """Build an engine whose connections never wait for ever; nothing is connected yet.

    Parameters
    ----------
    url
        ``postgresql+psycopg://user:password@host/database``; libpq's settings may follow as a
        query, for example ``?sslmode=verify-full&sslrootcert=/etc/truecast/ca.pem``.
    pool_size
        How many connections at most; who finds none free for 2 s is refused.
    statement_seconds
        How long one statement may run.
    """
    limits = {
        "statement_timeout": statement_seconds * 1000,
        "lock_timeout": LOCK_MS,
        "idle_in_transaction_session_timeout": IDLE_MS,
    }
    given = url.query.get("options", "")
    options = [str(given), *(f"-c {name}={value}" for name, value in limits.items())]
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_use_lifo=True,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args={
            "options": " ".join(options).strip(),
            "connect_timeout": CONNECT_SECONDS,
            "client_encoding": "utf8",
            "application_name": "truecast",
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )

    def connect(dialect: Any, record: Any, words: Any, settings: dict[str, Any]) -> Any:
        return _patient_connection(statement_seconds + GRACE_SECONDS).connect(*words, **settings)

    event.listen(engine, "do_connect", connect)
    return engine


@contextmanager
def without_transaction(driver_connection: Any) -> Iterator[None]:
    """Let one reading statement run by itself, which saves the messages that begin and end one."""
    driver_connection.autocommit = True
    try:
        yield
    finally:
        if not driver_connection.closed:
            driver_connection.autocommit = False


def describe_failure(error: BaseException | None) -> str:
    """Return what may be told of a driver's error: no address, no user, no values of rows."""
    told = getattr(getattr(error, "diag", None), "message_primary", None)
    if told and getattr(error, "sqlstate", None):
        return str(told)
    text = str(error)
    reasons = (reason for words, reason in _REASONS if words in text)
    return f"its database cannot be reached: {next(reasons, 'the connection was lost')}"


@cache
def _patient_connection(seconds: float) -> Any:
    """Return the driver's connection, made to wait for no answer longer than some seconds.

    A server that was stopped, or a network that swallows packets, ends no statement: without a
    limit on this side the thread and the connection would be lost until the machine restarts.
    """
    import psycopg  # only where there is such a ledger

    class Patient(psycopg.Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, seconds if timeout is None else timeout)
            except psycopg.OperationalError:
                # an answer that comes later must not be taken for that of the next statement
                if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                    self.close()
                raise

    return Patient
