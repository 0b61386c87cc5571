"""Gap answers: how a forecast stands to its targets and what would close the gap, as issued."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.forecast_tables import vintages
from ledger.gap_tables import gaps
from ledger.issued_books import Source
from ledger.rows import write_rows
from ledger.runs import Run, published_runs, run_of
from ledger.tables import publications, runs
from ledger.vintages import Wanted, counted_books, of_book


@dataclass(frozen=True)
class GapRow:
    """What was answered for one target and quarter.

    Attributes
    ----------
    target, period, origin
        Whose, of which quarter, as of which day.
    answer
        What ``models.forecast.gap.answer.build_gap`` returned, JSON values.
    """

    target: str
    period: str
    origin: date
    answer: dict[str, Any]


class ToDateRow(NamedTuple):
    """What of a quarter was in at an origin, at one node, minor units."""

    period: str
    origin: date
    week: int
    node: str
    to_date_minor: float


SOURCES: tuple[Source, ...] = ("backtest", "live")
"""The later one counts."""


def write_gaps(ledger: Ledger, run_id: int, rows: Iterable[GapRow]) -> int:
    """Append gap answers to an open run of kind ``forecast``; return how many.

    Raises
    ------
    ConflictError
        A target, period and origin occurs twice, or the run is closed.
    RowsError
        A number is not finite.
    """
    return write_rows(ledger, gaps, _rows(run_id, rows))


def read_gap(
    ledger: Ledger, target: str, period: str, *, as_of: date | None = None
) -> tuple[Run, GapRow] | None:
    """Return the newest published gap answer of a target and quarter; ``None`` without one.

    Parameters
    ----------
    as_of
        Only those of this day or before.
    """
    query = (
        select(gaps.c.run_id, gaps.c.origin, gaps.c.answer)
        .join(publications, publications.c.run_id == gaps.c.run_id)
        .where(gaps.c.target == target, gaps.c.period == period)
        .order_by(gaps.c.origin.desc(), publications.c.id.desc())
        .limit(1)
    )
    if as_of is not None:
        query = query.where(gaps.c.origin <= as_of)
    with ledger.reading() as connection:
        found = connection.execute(query).first()
        if found is None:
            return None
        run = connection.execute(published_runs().where(runs.c.id == found.run_id)).mappings().one()
    return run_of(run), GapRow(target, period, found.origin, parse_document(found.answer))


def read_to_date(ledger: Ledger, target: str) -> list[ToDateRow]:
    """Return what was in by each origin of a target's published forecasts, node by node.

    Where an origin was both forecast and backtested, what was forecast at the time counts.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    found: dict[tuple[str, date, str], ToDateRow] = {}
    here = vintages.c
    columns = [here[name] for name in ToDateRow._fields]
    with ledger.reading() as connection:
        for source in SOURCES:
            counted = counted_books(Wanted(target, source))
            query = select(*columns).join(counted, of_book(counted))
            query = query.where(here.target == target, here.served, here.to_date_minor.isnot(None))
            for row in connection.execute(query):
                one = ToDateRow(*row)
                found[one.period, one.origin, one.node] = one
    return [found[key] for key in sorted(found)]


def _rows(run_id: int, rows: Iterable[GapRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        answer = dump_document(row.answer, f"the gap of {row.target} {row.period}")
        yield {**vars(row), "run_id": run_id, "answer": answer}
