"""A SQL database, read once into a file of JSON lines, so that its content has a digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from lifecycle.errors import TableError, UsageError

FETCH_ROWS = 10_000


def safe_address(address: str) -> str:
    """Return a SQL URL without its password and query part.

    Examples
    --------
    >>> safe_address("postgresql://reader:secret@db/sales?password=x")
    'postgresql://reader:***@db/sales'

    Raises
    ------
    UsageError
        It is no SQL URL; the message does not repeat it.
    """
    try:
        return make_url(address).set(query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        # the cause would show the address, and with it the password
        raise UsageError("a SQL address that cannot be read", "dialect://user@host/name") from None


def export_rows(address: str, query: str | None, path: Path) -> int:
    """Write the rows of a query as JSON lines; return how many.

    Raises
    ------
    UsageError
        The address or the query is missing or wrong.
    TableError
        The database refuses; the message holds no secret.
    """
    shown = safe_address(address)
    if not query:
        raise UsageError(f"no query for {shown}", "query in the mapping's [source]")
    try:
        with _engine(address) as engine, engine.connect() as connection:
            streaming = connection.execution_options(stream_results=True)
            count = _write(streaming.execute(text(query)).yield_per(FETCH_ROWS), path)
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        password = make_url(address).password
        if password:
            reason = reason.replace(str(password), "***")
        raise TableError(
            f"{shown}: {reason[:200]}", "a database that answers the query", "check both"
        ) from None
    return count


@contextmanager
def _engine(address: str) -> Iterator[Engine]:
    engine = create_engine(address)
    try:
        yield engine
    finally:
        engine.dispose()


def _write(result: Any, path: Path) -> int:
    count = 0
    names = list(result.keys())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TableError(f"query gives column {twice[0]!r} twice", "each column once")
    with path.open("w", encoding="utf-8") as handle:
        for row in result:
            # default=str writes decimals and dates digit by digit
            line = json.dumps(dict(zip(names, row, strict=True)), default=str, ensure_ascii=False)
            handle.write(line + "\n")
            count += 1
    return count
