"""Books that were published: the newest of a quarter, and all that were issued of it before.

Books of runs of kind ``forecast`` are ``live``, those of kind ``backtest`` are ``backtest``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select

from ledger.books import (
    BOOK_NAMES,
    CHANCE_NAMES,
    ROW_NAMES,
    TOTAL,
    Book,
    ChanceRow,
    VintageRow,
    check_target,
)
from ledger.documents import parse_document
from ledger.engine import Ledger
from ledger.forecast_tables import forecast_books, target_chances, vintages
from ledger.runs import Run, read_run
from ledger.tables import publications, runs

Source = Literal["live", "backtest"]
KINDS: Mapping[Source, str] = {"live": "forecast", "backtest": "backtest"}


@dataclass(frozen=True)
class StoredBook:
    """A published book and its run."""

    run: Run
    book: Book


def read_book(
    ledger: Ledger, target: str, period: str, *, source: Source = "live", as_of: date | None = None
) -> StoredBook | None:
    """Return the newest published book of a period; ``None`` if there never was one.

    The newest is that of the latest origin, and among those of one origin the last published.

    Parameters
    ----------
    as_of
        Only books whose origin is this day or before it.
    """
    query = _newest_first(target, source).where(forecast_books.c.period == period).limit(1)
    if as_of is not None:
        query = query.where(forecast_books.c.origin <= as_of)
    with ledger.reading() as connection:
        found = [_book(connection, row) for row in connection.execute(query).mappings()]
    return StoredBook(read_run(ledger, found[0][0]), found[0][1]) if found else None


def read_issued_books(
    ledger: Ledger, target: str, period: str, *, source: Source = "live"
) -> list[StoredBook]:
    """Return every published book of a period, newest first, with its served rows of the total."""
    query = _newest_first(target, source).where(forecast_books.c.period == period)
    served = (vintages.c.served, vintages.c.node == TOTAL)
    with ledger.reading() as connection:
        rows = connection.execute(query).mappings().all()
        found = [_book(connection, row, *served) for row in rows]
    told = {run_id: read_run(ledger, run_id) for run_id in {one for one, _ in found}}
    return [StoredBook(told[run_id], book) for run_id, book in found]


def read_forecast_periods(ledger: Ledger, target: str, *, source: Source = "live") -> list[str]:
    """Return the periods of a target in published runs, newest first."""
    query = _newest_first(target, source).order_by(None)
    periods = query.with_only_columns(forecast_books.c.period).distinct()
    with ledger.reading() as connection:
        return sorted(connection.scalars(periods), reverse=True)


def row_of(row: RowMapping) -> VintageRow:
    """Build a row from its columns in the table."""
    given = {name: row[name] for name in ROW_NAMES}
    quantiles = parse_document(given["quantiles"])
    given["quantiles"] = None if quantiles is None else tuple(quantiles)
    return VintageRow(**{**given, "parts": parse_document(given["parts"])})


def _newest_first(target: str, source: Source) -> Select[Any]:
    check_target(target)
    here = forecast_books.c
    return (
        select(here.run_id, *[here[name] for name in BOOK_NAMES])
        .join(publications, publications.c.run_id == here.run_id)
        .join(runs, runs.c.id == here.run_id)
        .where(here.target == target, runs.c.kind == KINDS[source])
        .order_by(here.origin.desc(), publications.c.id.desc())
    )


def _book(connection: Connection, row: RowMapping, *where: ColumnElement[bool]) -> tuple[int, Book]:
    """Build a book with the rows that meet the conditions; return its run's id beside it."""
    key = {name: row[name] for name in ("run_id", "target", "period", "origin")}
    said = select(*[vintages.c[name] for name in ROW_NAMES]).where(*where)
    chances = select(*[target_chances.c[name] for name in CHANCE_NAMES])
    for name, value in key.items():
        said = said.where(vintages.c[name] == value)
        chances = chances.where(target_chances.c[name] == value)
    found = connection.execute(said.order_by(vintages.c.node, vintages.c.leg)).mappings()
    given = {name: row[name] for name in BOOK_NAMES}
    given |= {name: parse_document(given[name]) for name in ("weights", "notes")}
    book = Book(**given, rows=[row_of(one) for one in found])
    order = (target_chances.c.node, target_chances.c.target_id)
    told = [ChanceRow(*one) for one in connection.execute(chances.order_by(*order))]
    return row["run_id"], replace(book, chances=told)
