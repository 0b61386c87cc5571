"""Gap answers: how a forecast stands to its targets and what would close the gap, as issued."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.gap_tables import gaps
from ledger.rows import write_rows
from ledger.runs import Run, published_runs, run_of
from ledger.tables import publications, runs


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


def _rows(run_id: int, rows: Iterable[GapRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        answer = dump_document(row.answer, f"the gap of {row.target} {row.period}")
        yield {**vars(row), "run_id": run_id, "answer": answer}
