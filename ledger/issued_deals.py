"""One deal over all runs that were published, and some deals in the run that readers see now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, select, true

from ledger.deal_tables import deals
from ledger.deals import DEAL_NAMES, DealRow, deal_of
from ledger.engine import Ledger
from ledger.runs import Run, published_runs, run_of
from ledger.tables import current_runs, publications, releases, runs
from ledger.visible import Book, is_in

HISTORY_COUNT = 400
_BARE = {"reasons": "[]", "detail": None, "history": None}


@dataclass(frozen=True)
class IssuedDeal:
    """A deal's row of one published run; ``current`` if readers see that run now."""

    run: Run
    row: DealRow
    model_version: str
    current: bool


def read_deal(ledger: Ledger, opportunity_id: str, book: Book | None = None) -> list[IssuedDeal]:
    """Return a deal's rows over all published runs, newest run first, at most 400.

    A deal never scored, or whose newest row is not in the book, gives an empty list; one that has
    closed since gives its last open days.
    Only the newest row brings reasons, detail and moves: 400 of each would be a slow answer.
    """
    joined = (
        deals.join(publications, publications.c.run_id == deals.c.run_id)
        .join(runs, runs.c.id == deals.c.run_id)
        .join(releases, releases.c.id == deals.c.release_id)
        .outerjoin(current_runs, current_runs.c.run_id == deals.c.run_id)
    )
    told = published_runs().selected_columns
    query = (
        select(
            *told,
            # a run has a kind of its own
            *[deals.c[name].label(f"deal_{name}") for name in DEAL_NAMES],
            releases.c.version,
            current_runs.c.kind.is_not(None).label("current"),
            and_(true(), *is_in(book, deals)).label("visible"),
        )
        .select_from(joined)
        .where(deals.c.opportunity_id == opportunity_id)
        .order_by(publications.c.id.desc())
        .limit(HISTORY_COUNT)
    )
    with ledger.reading() as connection:
        found = connection.execute(query).mappings().all()
    if found and not found[0]["visible"]:
        return []
    return [
        IssuedDeal(
            run_of(row),
            deal_of({name: row[f"deal_{name}"] for name in DEAL_NAMES} | (_BARE if place else {})),
            row["version"],
            bool(row["current"]),
        )
        for place, row in enumerate(found)
    ]


def read_deal_scores(
    ledger: Ledger, opportunity_ids: Sequence[str], *, run_id: int, book: Book | None = None
) -> list[DealRow]:
    """Return the rows of some deals in a run; unscored and hidden ones are left out."""
    query = select(*[deals.c[name] for name in DEAL_NAMES]).where(
        deals.c.run_id == run_id,
        deals.c.opportunity_id.in_(opportunity_ids),
        *is_in(book, deals),
    )
    with ledger.reading() as connection:
        return [deal_of(row) for row in connection.execute(query).mappings()]


def list_scored_deals(
    ledger: Ledger, run_id: int, *, limit: int, book: Book | None = None
) -> list[str]:
    """Return at most so many deals of a book that a run scored, by their id."""
    query = (
        select(deals.c.opportunity_id)
        .where(deals.c.run_id == run_id, *is_in(book, deals))
        .order_by(deals.c.opportunity_id)
        .limit(limit)
    )
    with ledger.reading() as connection:
        return list(connection.scalars(query))
