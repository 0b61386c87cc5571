"""The record beside a forecast: how its leg did before, and what was said of the quarter so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ledger.accuracy import AccuracyRow, read_accuracy
from ledger.books import Book
from ledger.engine import Ledger
from ledger.issued_books import Source, StoredBook, read_issued_books
from ledger.vintages import SERVED, StoredVintage, Wanted, read_vintages
from lifecycle.periods import FiscalCalendar, Quarter
from service.accuracy_shapes import describe_accuracy
from service.forecast_shapes import describe_row


def read_record(
    ledger: Ledger,
    book: Book,
    calendar: FiscalCalendar,
    *,
    run_id: int | None = None,
    over: bool = False,
) -> dict[str, Any]:
    """Return the fields of `ForecastRecord`, as the book's day could know them.

    Of quarters that had ended by then; whoever asks for an earlier day is shown no later outcome.
    The backtest speaks where there is one, because it has more quarters; what was issued live is
    told beside it.

    Parameters
    ----------
    calendar
        When quarters begin.
    run_id
        The run of the book, which is not listed among those issued before.
    over
        Whoever asks stands after the quarter: what it brought is told beside its own past.
    """
    running = str(Quarter.containing(book.origin, calendar))
    live, replayed = (
        read_accuracy(ledger, Wanted(book.target, source, before=running), by_week=False)
        for source in ("live", "backtest")
    )
    source: Source = "live" if live and not replayed else "backtest"
    by_week = read_accuracy(ledger, Wanted(book.target, source, before=running))
    return {
        "leg": book.served_leg,
        "source": source,
        **_at_this_week(book, by_week),
        "all_weeks": [describe_accuracy(one) for one in replayed or live],
        "live": [describe_accuracy(one) for one in live if one.leg == book.served_leg],
        "vintages": [describe_vintage(one) for one in read_past_of(ledger, book, over=over)],
        "issued": [
            _describe_issued(one) for one in read_before(ledger, book) if one.run.run_id != run_id
        ],
    }


def _at_this_week(book: Book, by_week: Sequence[AccuracyRow]) -> dict[str, Any]:
    here = [one for one in by_week if one.week == book.week]
    own = [one for one in here if one.leg == book.served_leg]
    rivals = [one for one in here if one.leg not in {book.served_leg, SERVED}]
    return {
        "at_this_week": describe_accuracy(own[0]) if own else None,
        "rivals_at_this_week": [describe_accuracy(one) for one in rivals],
    }


def read_past_of(ledger: Ledger, book: Book, *, over: bool) -> list[StoredVintage]:
    """Return the backtest of the quarter up to the book's day by the same leg, in order of time."""
    wanted = Wanted(book.target, leg=book.served_leg, period=book.period)
    found = [one for one in read_vintages(ledger, wanted) if one.origin <= book.origin]
    return found if over else [replace(one, actual_minor=None) for one in found]


def read_before(ledger: Ledger, book: Book) -> list[StoredBook]:
    """Return what was served for the quarter up to the book's day, newest first."""
    issued = read_issued_books(ledger, book.target, book.period)
    return [one for one in issued if one.book.origin <= book.origin]


def describe_vintage(one: StoredVintage) -> dict[str, Any]:
    """Return the fields of `PastVintage`."""
    told = {name: getattr(one, name) for name in ("origin", "week", "actual_minor")}
    return {**describe_row(one.row), **told, "leg": one.row.leg}


def _describe_issued(one: StoredBook) -> dict[str, Any]:
    row = one.book.rows[0]
    told = {name: getattr(one.book, name) for name in ("origin", "week")}
    return {**describe_row(row), **told, "leg": row.leg, "scored_at": one.run.started_at}
