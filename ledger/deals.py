"""What was said of each open deal: one row per deal and run, kept for ever and read page by page.

A table of its own, not rows of ``scores``: a deal is no account, its answer is several chances and
whole amounts, and the list is ordered by them in one statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    RowMapping,
    and_,
    case,
    func,
    insert,
    select,
    type_coerce,
)

from ledger.deal_tables import deals
from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.paging import Order, Place, read_rows, read_walked_run
from ledger.releases import Release
from ledger.rows import write_rows
from ledger.runs import Run
from ledger.tables import run_models
from ledger.visible import Book, is_in

DEAL_WIN = "deal_win"
"""Name of the model that scores deals."""


@dataclass(frozen=True)
class DealRow:
    """One open deal as it was scored.

    Attributes
    ----------
    account_id, account_name, owner_id, team, region, segment, kind, stage, category
        As known at the run's day; ``None`` where nothing says it.
    amount_minor, currency
        The deal's own amount, whole minor units of ``currency`` (ISO 4217).
    close_on, next_step_on
        Expected close and next step as they stood (days).
    age_days, stage_age_days, push_count, silence_days
        Since creation; in the stage; moves of the close date to later; since the last activity.
    p_win
        The headline, 0-1: ``p_win_quarter``, or ``p_win_eventual`` of a model without dates.
    p_win_quarter, p_win_eventual, p_slip
        Probability of winning by the end of the quarter, ever, and of not winning by ``close_on``.
    expected_amount_minor, expected_in_quarter_minor
        Amount given that it is won; and in-quarter chance x that.
    stalled, stalled_days
        Whether it makes no progress, and for how many days.
    rank, band
        1 is the largest ``p_win`` of the run; ``high``, ``medium`` or ``low``.
    reasons, detail, history
        Mappings: why; what else the model says; dated moves of stage, close date and amount.
    """

    opportunity_id: str
    account_id: str | None
    account_name: str | None
    owner_id: str | None
    team: str | None
    segment: str | None
    kind: str | None
    stage: str | None
    category: str | None
    amount_minor: int | None
    currency: str | None
    close_on: date | None
    next_step_on: date | None
    age_days: int | None
    stage_age_days: int | None
    push_count: int | None
    silence_days: int | None
    p_win: float
    p_win_quarter: float | None
    p_win_eventual: float | None
    p_slip: float | None
    expected_amount_minor: int | None
    expected_in_quarter_minor: int | None
    stalled: bool
    stalled_days: int | None
    rank: int
    band: str
    reasons: list[dict[str, Any]]
    detail: dict[str, Any] | None = None
    history: list[dict[str, Any]] | None = None
    region: str | None = None


@dataclass(frozen=True)
class DealFilters:
    """Which deals of the reader's book to list; ``None`` means all.

    Close dates lie in [close_from, close_before).
    """

    owner_id: str | None = None
    team: str | None = None
    segment: str | None = None
    kind: str | None = None
    currency: str | None = None
    stalled: bool | None = None
    account_id: str | None = None
    close_from: date | None = None
    close_before: date | None = None
    book: Book | None = None


class DealSort(StrEnum):
    """Order, from the largest down: chance, slip risk (overdue ones last), days stalled, amount."""

    win = "win"
    slip = "slip"
    stalled = "stalled"
    amount = "amount"


@dataclass(frozen=True)
class DealPosition:
    """Where a page ended: the run it walks, and the last row's sort value and deal."""

    run_id: int
    value: float
    opportunity_id: str


@dataclass(frozen=True)
class DealPage:
    """Some rows, the run they come from, and where the next page begins (``None`` at the end)."""

    run: Run
    rows: list[DealRow]
    following: DealPosition | None


_SORT_COLUMNS = {
    DealSort.win: deals.c.p_win,
    DealSort.slip: deals.c.p_slip,
    # a place of none is larger than the column: the comparison must be of the larger kind
    DealSort.stalled: type_coerce(deals.c.stalled_days, BigInteger),
    DealSort.amount: deals.c.amount_minor,
}
# where deals stand that lack the value: behind all others, a negative amount included
_MISSING = -(10**18)
_DOCUMENTS = ("reasons", "detail", "history")
DEAL_NAMES = [field.name for field in fields(DealRow)]


def write_deals(ledger: Ledger, run_id: int, release: Release, *, rows: Iterable[DealRow]) -> int:
    """Append the open deals of an open run of kind ``deals``; return how many.

    Parameters
    ----------
    release
        Which model spoke; as read from the ledger.

    Raises
    ------
    ConflictError
        A deal occurs twice, or the run is closed.
    RowsError
        A number is not finite.
    """
    spoke = {
        "run_id": run_id,
        "model": release.model,
        "horizon_days": release.horizon_days,
        "release_id": release.release_id,
    }
    with ledger.writing() as connection:
        connection.execute(insert(run_models), spoke)
    return write_rows(ledger, deals, _prepare(run_id, int(release.release_id or 0), rows))


def read_deals(
    ledger: Ledger,
    filters: DealFilters,
    *,
    sort: DealSort = DealSort.win,
    cursor: DealPosition | None = None,
    limit: int = 50,
) -> DealPage | None:
    """Return one page of the current list, or of the list a cursor walks.

    A cursor keeps to its run: a refresh between two pages neither repeats nor drops a deal. By slip
    risk, deals whose expected close lies ahead come first; overdue ones, which have slipped
    already, stand behind them with the best chance first.

    Returns
    -------
    DealPage or None
        ``None`` before the first published run.
    """
    with ledger.reading() as connection:
        run = read_walked_run(connection, "deals", cursor.run_id if cursor else None)
        if run is None:
            return None
        query = select(*[deals.c[name] for name in DEAL_NAMES])
        query = query.where(deals.c.run_id == run.run_id, *_conditions(filters))
        order = Order(_key(sort, run.as_of), deals.c.opportunity_id)
        after = Place(cursor.value, cursor.opportunity_id) if cursor else None
        found, end = read_rows(connection, query, order, after=after, limit=limit)
        rows = [deal_of(row) for row in found]
    following = None if end is None else DealPosition(run.run_id, end.value, end.tie)
    return DealPage(run, rows, following)


def deal_of(row: RowMapping | Mapping[str, Any]) -> DealRow:
    """Build a `DealRow` from a row that holds at least `DEAL_NAMES`."""
    row = {name: row[name] for name in DEAL_NAMES}
    return DealRow(**{**row, **{name: parse_document(row[name]) for name in _DOCUMENTS}})


def _prepare(run_id: int, release_id: int, rows: Iterable[DealRow]) -> Iterator[dict[str, Any]]:
    for row in rows:
        documents = {name: _dump(row, name) for name in _DOCUMENTS}
        yield {**vars(row), **documents, "run_id": run_id, "release_id": release_id}


def _conditions(filters: DealFilters) -> list[ColumnElement[bool]]:
    names = ("owner_id", "team", "segment", "kind", "currency", "stalled", "account_id")
    wanted = {name: getattr(filters, name) for name in names}
    conditions = [deals.c[name] == value for name, value in wanted.items() if value is not None]
    conditions += is_in(filters.book, deals)
    if filters.close_from is not None:
        conditions.append(deals.c.close_on >= filters.close_from)
    if filters.close_before is not None:
        conditions.append(deals.c.close_on < filters.close_before)
    return conditions


def _key(sort: DealSort, as_of: date) -> ColumnElement[Any]:
    column = _SORT_COLUMNS[sort]
    if sort is DealSort.slip:
        # that an overdue deal misses its date is no news: what can still be kept stands first
        late = and_(deals.c.close_on < as_of, column.is_not(None))
        return case((late, deals.c.p_win - 2.0), else_=func.coalesce(column, _MISSING))
    return column if sort is DealSort.win else func.coalesce(column, _MISSING)


def _dump(row: DealRow, name: str) -> str | None:
    value = getattr(row, name)
    return None if value is None else dump_document(value, f"the {name} of {row.opportunity_id}")
