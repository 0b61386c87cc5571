"""Past forecasts as numbers in columns: what later forecasts learn widths and weights from.

Quantiles are left where they are: a book of two hundred nodes has tens of thousands of rows, and
what is learned needs three of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import and_, select

from ledger.documents import parse_document
from ledger.engine import Ledger
from ledger.forecast_tables import forecast_books, vintages
from ledger.vintages import Wanted, counted_books, of_book


class PastRow(NamedTuple):
    """One leg's forecast of one node, minor units."""

    node: str
    leg: str
    mean_minor: float
    p10_minor: float
    p50_minor: float
    p90_minor: float
    to_date_minor: float | None


@dataclass(frozen=True)
class PastBook:
    """A published book without its quantiles.

    Attributes
    ----------
    notes
        As in ``Book``.
    rows
        Every leg at every node.
    """

    period: str
    origin: date
    week: int
    notes: dict[str, Any]
    rows: list[PastRow] = field(default_factory=list)


def read_past_books(ledger: Ledger, wanted: Wanted) -> list[PastBook]:
    """Return the books of a target that count for a source, by origin and period.

    Parameters
    ----------
    wanted
        Target and source; node, leg and period are not looked at.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    counted, head, row = counted_books(wanted), forecast_books.c, vintages.c
    same = and_(*[head[name] == counted.c[name] for name in ("run_id", "period", "origin")])
    books = select(head.period, head.origin, head.week, head.notes).join(counted, same)
    numbers = [row[name] for name in PastRow._fields]
    rows = select(row.period, row.origin, *numbers).join(counted, of_book(counted))
    with ledger.reading() as connection:
        found = {
            (one.period, one.origin): PastBook(
                one.period, one.origin, one.week, parse_document(one.notes)
            )
            for one in connection.execute(books.where(head.target == wanted.target))
        }
        for period, origin, *values in connection.execute(rows.where(row.target == wanted.target)):
            found[period, origin].rows.append(PastRow(*values))
    return sorted(found.values(), key=lambda one: (one.origin, one.period))
