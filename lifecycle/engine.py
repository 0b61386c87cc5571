"""The one door to an Ibis backend: expressions go in, Arrow tables come out.

DuckDB runs inside the process. It is shut in before it reads the first file: it sees only the
folders it is given, fetches nothing, and its settings are locked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import sqlglot.expressions as sge

from lifecycle.errors import LakeError, UsageError

MOST_COMPILED = 64

if TYPE_CHECKING:
    from ibis.backends.duckdb import Backend


class Engine:
    """One connection that reads Parquet files and answers expressions.

    Parameters
    ----------
    connection
        An Ibis backend; made by :func:`open_engine`.
    """

    def __init__(self, connection: Backend) -> None:
        self._connection = connection
        self._tables: dict[tuple[str, ...], ibis.Table] = {}

    def read(self, files: Sequence[str], name: str = "facts") -> ibis.Table:
        """Return one table over Parquet files, their columns united by name.

        Parameters
        ----------
        files
            Absolute paths, at least one. A column that only some files have is null in the others.
        name
            What they hold: the same question over another lake is then the same expression.

        Raises
        ------
        LakeError
            No file was named, or one cannot be read.
        """
        names = tuple(files)
        if not names:
            raise LakeError("no files to read", "at least one Parquet file", "use an empty table")
        if names not in self._tables:
            # IOError, invalid headers and refused folders all arrive as duckdb.Error.
            with _as_lake_error(names[0]):
                self._tables[names] = self._connection.read_parquet(
                    list(names), table_name=self._free_name(name), union_by_name=True
                )
        return self._tables[names]

    def _free_name(self, name: str) -> str:
        taken = {table.get_name() for table in self._tables.values()}
        return next(one for n in count() if (one := f"{name}_{n}") not in taken)

    def to_arrow(self, expr: Any) -> pa.Table:
        """Run a table expression.

        Raises
        ------
        LakeError
            A file under the expression is truncated or gone, or memory ran out.
        """
        with _as_lake_error("a query over the lake"):
            return self._connection.to_pyarrow(expr)

    def prepare(self, expr: Any, parameters: Mapping[str, Any]) -> Prepared:
        """Compile an expression once, to be run many times with other values.

        Compiling a wide expression costs more than running it on small facts.

        Parameters
        ----------
        expr
            A table expression that uses Ibis parameters.
        parameters
            Name to parameter (``ibis.param``); every one is used in the expression.
        """
        given = tuple(parameters.items())
        sql = _compile(self._connection.compiler, expr.op(), given)
        return Prepared(self._connection, sql, expr.schema().to_pyarrow())


@lru_cache(maxsize=MOST_COMPILED)
def _compile(compiler: Any, node: Any, parameters: tuple[tuple[str, Any], ...]) -> str:
    """Return an expression's SQL; equal expressions of any engine of a process are one text."""
    marks, given = {}, {}
    for number, (name, parameter) in enumerate(parameters):
        # Ibis writes values into the text: give it ones that nobody means, then swap them.
        given[parameter] = _stand_in(parameter, number)
        literal = ibis.literal(given[parameter], type=parameter.type()).name("value")
        mark = compiler.to_sqlglot(literal.as_table()).expressions[0].this
        marks[mark] = sge.cast(sge.Placeholder(this=name), _sql_type(parameter))
    tree = compiler.to_sqlglot(node.to_expr(), params=given)
    sql: str = tree.transform(lambda one: marks.get(one, one)).sql(dialect="duckdb")
    return sql


def _stand_in(parameter: Any, number: int) -> Any:
    kind = parameter.type()
    if kind.is_timestamp():
        return datetime(1901, 1, 1, tzinfo=UTC) + timedelta(microseconds=1234 + number)
    return 0.190_119_011_9 + number if kind.is_floating() else 1_901_190_119_011_901 + number


def _sql_type(parameter: Any) -> str:
    kind = parameter.type()
    if kind.is_timestamp():
        return "TIMESTAMPTZ"
    return "DOUBLE" if kind.is_floating() else "BIGINT"


@dataclass(frozen=True)
class Prepared:
    """A compiled expression that waits for its parameters' values."""

    connection: Backend
    sql: str
    schema: pa.Schema

    def to_arrow(self, values: Mapping[str, Any]) -> pa.Table:
        """Run it with a value for every parameter.

        Raises
        ------
        LakeError
            A file under the expression is truncated or gone, or memory ran out.
        """
        with _as_lake_error("a query over the lake"):
            answer = self.connection.con.execute(self.sql, dict(values)).to_arrow_table()
        return answer.cast(self.schema)


class _as_lake_error:  # noqa: N801  (a context manager reads as a phrase)
    """Turn DuckDB's errors into one line of ours."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import duckdb

        if isinstance(error, duckdb.Error):
            line = str(error).splitlines()[0][:300]
            raise LakeError(
                f"{self._what}: {line}", "readable Parquet files", "restore the lake's files"
            ) from error


def open_engine(
    kind: str = "duckdb",
    *,
    memory_limit: str = "1GB",
    threads: int = 2,
    folders: Sequence[Path] | None = None,
) -> Engine:
    """Open an engine.

    Parameters
    ----------
    kind
        ``duckdb``; other engines are not built yet.
    memory_limit
        What the engine may hold before it spills to a temporary folder, e.g. ``1GB``.
    threads
        Worker threads.
    folders
        The only folders it may read; ``None`` leaves reading open (for tests of files anywhere).

    Raises
    ------
    UsageError
        The kind is unknown.

    Examples
    --------
    >>> engine = open_engine()
    >>> engine.to_arrow(ibis.range(3).unnest().name("n").as_table()).column("n").to_pylist()
    [0, 1, 2]
    """
    if kind != "duckdb":
        raise UsageError(f"engine {kind[:40]!r}", "'duckdb'", "correct the engine's name")
    spill = Path(tempfile.gettempdir()) / f"truecast-spill-{os.getpid()}"
    connection = ibis.duckdb.connect(
        memory_limit=memory_limit, threads=threads, temp_directory=str(spill)
    )
    # Row order carries no meaning in a lake; keeping it would cost memory in every read.
    _run(connection, "SET preserve_insertion_order=false")
    if folders is not None:
        # The order matters: without its folders first, DuckDB refuses our own files too.
        listed = ", ".join("'" + str(f.resolve()).replace("'", "''") + "'" for f in folders)
        _run(connection, f"SET allowed_directories=[{listed}]")
        _run(connection, "SET enable_external_access=false")
    _run(connection, "SET lock_configuration=true")
    return Engine(connection)


def _run(connection: Backend, statement: str) -> None:
    connection.raw_sql(statement)
