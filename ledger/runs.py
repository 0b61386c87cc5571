"""Runs: rows computed first, written in chunks under a run id, visible by one pointer update.

A run that is never published (its process was killed) stays invisible for ever; the work is done
again under a new id. Publishing is one short transaction: readers see the old run or the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, RowMapping, Select, Table, insert, select, update

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.job_effects import is_new_effect
from ledger.tables import (
    current_runs,
    deals,
    forecast_books,
    publications,
    runs,
    scores,
)
from ledger.webhook_events import tell_run
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import ConflictError, LedgerError, UsageError

RunKind = Literal["scores", "forecast", "backtest", "deals"]
ROWS: dict[str, Table] = {
    "scores": scores,
    "forecast": forecast_books,
    "backtest": forecast_books,
    "deals": deals,
}


@dataclass(frozen=True)
class Run:
    """One published run.

    Attributes
    ----------
    as_of
        The day it stands on.
    data_as_of
        UTC instant at which its newest fact was known.
    started_at, published_at
        UTC instants: when it was computed, when it became visible.
    note
        What the writer wanted to remember, a JSON mapping.
    """

    run_id: int
    kind: str
    as_of: date
    data_as_of: datetime
    started_at: datetime
    published_at: datetime
    note: dict[str, Any]


def begin_run(
    ledger: Ledger,
    kind: RunKind,
    *,
    as_of: date,
    data_as_of: datetime,
    note: dict[str, Any] | None = None,
) -> int:
    """Open a run and return its id; nobody sees its rows before `publish_run`.

    Raises
    ------
    UsageError
        The kind is unknown.
    """
    if kind not in get_args(RunKind):
        raise UsageError(f"run kind {kind!r}", f"one of {get_args(RunKind)}", "correct the kind")
    row = {
        "kind": kind,
        "as_of": as_of,
        "data_as_of": data_as_of,
        "started_at": datetime.now(UTC),
        "note": dump_document(note or {}, "the run's note"),
    }
    with ledger.writing() as connection:
        run_id = int(connection.execute(insert(runs).returning(runs.c.id), row).scalar_one())
    crashpoint("run.begun")
    return run_id


def publish_run(ledger: Ledger, run_id: int) -> None:
    """Make a run the current one of its kind; doing it twice changes nothing.

    In a job's second try nothing is published that its first try published: the run stays unseen.

    Raises
    ------
    LedgerError
        The run is unknown, or has no rows (it would hide the run before it).
    ConflictError
        It was published before, and a later run is current now.
    """
    with ledger.writing() as connection:
        row = select(runs.c.kind).where(runs.c.id == run_id)
        kind = connection.scalar(row.with_for_update())  # two who publish it go one by one
        if kind is None:
            raise LedgerError(f"no run {run_id}", "a run begun by begin_run", "begin a run first")
        if _is_published(connection, run_id):
            _check_current(connection, kind, run_id)
            return
        _check_filled(connection, kind, run_id)
        if not is_new_effect(connection, f"run {kind}"):
            return
        tell_run(connection, kind, run_id)
        connection.execute(
            insert(publications), {"run_id": run_id, "published_at": datetime.now(UTC)}
        )
        moved = connection.execute(
            update(current_runs).where(current_runs.c.kind == kind).values(run_id=run_id)
        )
        if moved.rowcount == 0:
            connection.execute(insert(current_runs), {"kind": kind, "run_id": run_id})
        crashpoint("run.publishing")
    crashpoint("run.published")


def find_open_run(
    ledger: Ledger, kind: RunKind, *, as_of: date, note: dict[str, Any] | None = None
) -> int | None:
    """Return the newest run that was begun with these words and never published, to go on with.

    ``None`` if there is none. Only one process may go on with it: the caller holds the lock.
    """
    query = (
        select(runs.c.id)
        .outerjoin(publications, publications.c.run_id == runs.c.id)
        .where(runs.c.kind == kind, runs.c.as_of == as_of, publications.c.id.is_(None))
        .where(runs.c.note == dump_document(note or {}, "the run's note"))
        .order_by(runs.c.id.desc())
    )
    with ledger.reading() as connection:
        found = connection.scalar(query.limit(1))
        return None if found is None else int(found)


def read_current_run(ledger: Ledger, kind: RunKind) -> Run | None:
    """Return the run of a kind that readers see now; ``None`` before the first."""
    query = published_runs().join(current_runs, current_runs.c.run_id == runs.c.id)
    with ledger.reading() as connection:
        row = connection.execute(query.where(current_runs.c.kind == kind)).mappings().first()
    return None if row is None else run_of(row)


def read_run(ledger: Ledger, run_id: int) -> Run:
    """Return a published run.

    Raises
    ------
    LedgerError
        It was never published.
    """
    with ledger.reading() as connection:
        query = published_runs().where(runs.c.id == run_id)
        row = connection.execute(query).mappings().first()
    if row is None:
        raise LedgerError(f"no published run {run_id}", "a run that was published", "publish it")
    return run_of(row)


def published_runs() -> Select[Any]:
    """Select the columns of `Run`, one row per published run."""
    joined = runs.join(publications, publications.c.run_id == runs.c.id)
    return select(
        runs.c.id.label("run_id"),
        runs.c.kind,
        runs.c.as_of,
        runs.c.data_as_of,
        runs.c.started_at,
        publications.c.published_at,
        runs.c.note,
    ).select_from(joined)


def run_of(row: RowMapping) -> Run:
    """Build a `Run` from a row of `published_runs`."""
    names = ("run_id", "kind", "as_of", "data_as_of", "started_at", "published_at")
    return Run(**{name: row[name] for name in names}, note=parse_document(row["note"]))


def _is_published(connection: Connection, run_id: int) -> bool:
    query = select(publications.c.id).where(publications.c.run_id == run_id)
    return connection.scalar(query) is not None


def _check_current(connection: Connection, kind: str, run_id: int) -> None:
    current = connection.scalar(select(current_runs.c.run_id).where(current_runs.c.kind == kind))
    if current != run_id:
        raise ConflictError(
            f"run {run_id} was published before and run {current} is current",
            "a run that was not published yet",
            "begin a new run",
        )


def _check_filled(connection: Connection, kind: str, run_id: int) -> None:
    table = ROWS[kind]
    if connection.scalar(select(table.c.id).where(table.c.run_id == run_id).limit(1)) is None:
        raise LedgerError(
            f"run {run_id} ({kind}) has no rows",
            "at least one row, or it would hide the run before it",
            "write its rows before publishing it",
        )
