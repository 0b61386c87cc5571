"""What came of a chance to win: each one issued, once its quarter has ended, beside the fact.

A row is written once and never changed. Where a day was refreshed twice, the chance that was
published first counts: it is the one that people saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, func, select

from ledger.deal_tables import deal_outcomes, deals
from ledger.documents import parse_document
from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.tables import publications, runs


@dataclass(frozen=True)
class EndedRun:
    """A published run of deals whose quarter has ended: ``[starts_on, ends_before)``."""

    run_id: int
    as_of: date
    starts_on: date
    ends_before: date


@dataclass(frozen=True)
class IssuedChance:
    """A chance (0-1) to win in the quarter that was issued and not judged yet."""

    opportunity_id: str
    release_id: int
    chance: float


@dataclass(frozen=True)
class DealOutcome:
    """What came of one issued chance.

    Attributes
    ----------
    won
        Whether the deal was won in the quarter; ``None`` if it was closed in bulk there, so that
        nobody knows what would have come of it.
    closed_on
        Day of the close that decided it; ``None`` of a deal that was open at the quarter's end.
    known_on
        The day whose knowledge decided it.
    """

    run_id: int
    opportunity_id: str
    release_id: int
    as_of: date
    quarter_start_on: date
    quarter_ends_before: date
    chance: float
    won: bool | None
    closed_on: date | None
    known_on: date
    recorded_at: datetime


def read_ended_runs(ledger: Ledger, *, known_on: date) -> list[EndedRun]:
    """Return the published runs of deals whose quarter had ended by a day, first published first.

    Runs of a model without dates speak of no quarter and are not among them.
    """
    query = (
        select(runs.c.id, runs.c.as_of, runs.c.note)
        .join(publications, publications.c.run_id == runs.c.id)
        .where(runs.c.kind == "deals")
        .order_by(publications.c.id)
    )
    found = []
    with ledger.reading() as connection:
        for row in connection.execute(query):
            note = parse_document(row.note)
            if "quarter_ends_before" in note:
                days = (note["quarter_start_on"], note["quarter_ends_before"])
                found.append(EndedRun(row.id, row.as_of, *map(date.fromisoformat, days)))
    return [run for run in found if run.ends_before <= known_on]


def read_issued_chances(ledger: Ledger, run: EndedRun) -> list[IssuedChance]:
    """Return a run's chances that were not judged, by that run or by one of the same day."""
    judged = and_(
        deal_outcomes.c.opportunity_id == deals.c.opportunity_id,
        deal_outcomes.c.as_of == run.as_of,
    )
    query = (
        select(deals.c.opportunity_id, deals.c.release_id, deals.c.p_win_quarter)
        .select_from(deals.outerjoin(deal_outcomes, judged))
        .where(deals.c.run_id == run.run_id, deals.c.p_win_quarter.is_not(None))
        .where(deal_outcomes.c.id.is_(None))
        .order_by(deals.c.opportunity_id)
    )
    with ledger.reading() as connection:
        return [IssuedChance(*row) for row in connection.execute(query)]


def write_deal_outcomes(ledger: Ledger, rows: Iterable[DealOutcome]) -> int:
    """Append outcomes in chunks; return how many.

    Raises
    ------
    ConflictError
        The outcome of a deal's chance of that day was written before.
    RowsError
        A number is not finite.
    """
    return write_rows(ledger, deal_outcomes, (vars(row) for row in rows))


def count_deal_outcomes(ledger: Ledger) -> int:
    """Return the number of outcomes written so far: a record changes only with it."""
    with ledger.reading() as connection:
        query = select(func.coalesce(func.max(deal_outcomes.c.id), 0))
        return int(connection.scalar(query) or 0)
