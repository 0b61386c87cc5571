"""The read model of the at-risk list, written by refresh so that a page is one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, select

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.paging import Order, Place, read_rows, read_walked_run
from ledger.rows import write_rows
from ledger.runs import Run
from ledger.tables import at_risk, current_runs, days_or_last, recency_or_last
from ledger.visible import Book, is_in


@dataclass(frozen=True)
class AtRiskRow:
    """One account of the at-risk list.

    Attributes
    ----------
    status
        ``at_risk``; ``lapsed`` when the rule says it has already gone; ``notice_given`` when it
        has said so itself.
    risk
        Probability 0-1 of leaving within the horizon: no purchase, or a decision to end.
    value_if_kept_minor, expected_loss_minor
        What it brings if it stays, and risk x that, in minor units of ``currency``.
    rank
        1 is the largest expected loss among the accounts of its status.
    recency_days, last_order_on
        Days from the last purchase to the run's day; ``None`` for a contract.
    reasons
        Mappings with group, label, contribution, value, peer_median, actionable, direction.
    curve, causes
        Risk by look-ahead (days, or ``renewal``), and shares of causes given that it leaves.
    risk_low, risk_high
        Bootstrap band of the risk.
    renewal_on, notice_by_on, leaving_on
        Next renewal, last day to give notice before it, and the day a contract ends for good.
    days_to_act
        Days from the run's day to ``notice_by_on``; ``None`` if no deadline lies ahead.
    mrr_minor, arr_at_risk_minor
        Monthly recurring revenue, and risk x 12 x that.
    treatment
        ``none``, ``treated`` (contacted lately) or ``held_out`` (drawn to be left alone).
    team, region
        Those of its owner on the run's day; ``None`` where the facts do not say.
    """

    account_id: str
    name: str | None
    segment: str | None
    country: str | None
    owner_id: str | None
    route: str
    status: str
    risk: float
    band: str
    value_if_kept_minor: float
    expected_loss_minor: float
    currency: str
    rank: int
    recency_days: float | None
    last_order_on: date | None
    reasons: list[dict[str, Any]]
    curve: dict[str, float | None] | None = None
    causes: dict[str, float | None] | None = None
    risk_low: float | None = None
    risk_high: float | None = None
    renewal_on: date | None = None
    notice_by_on: date | None = None
    days_to_act: int | None = None
    mrr_minor: float | None = None
    arr_at_risk_minor: float | None = None
    leaving_on: date | None = None
    treatment: str = "none"
    team: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class AtRiskFilters:
    """Which accounts to list, among those of the reader's book; ``None`` means all."""

    segment: str | None = None
    country: str | None = None
    owner_id: str | None = None
    route: str | None = None
    band: str | None = None
    status: str | None = None
    min_risk: float | None = None
    min_value_minor: float | None = None
    book: Book | None = None


@dataclass(frozen=True)
class AtRiskTotal:
    """What the accounts of one status and currency come to, money in minor units."""

    status: str
    currency: str
    accounts_count: int
    expected_loss_minor: float
    arr_at_risk_minor: float
    value_if_kept_minor: float


class AtRiskSort(StrEnum):
    """Order of the list: the largest first, but ``account_id`` and ``days_to_act`` go up."""

    expected_loss = "expected_loss"
    risk = "risk"
    value = "value"
    recency = "recency"
    days_to_act = "days_to_act"
    account_id = "account_id"


@dataclass(frozen=True)
class Position:
    """Where a page ended: the run it walks, and the last row's sort value and account."""

    run_id: int
    value: float | str
    account_id: str


@dataclass(frozen=True)
class AtRiskPage:
    """Some rows, the run they come from, and where the next page begins (``None`` at the end)."""

    run: Run
    rows: list[AtRiskRow]
    following: Position | None


_SORT_COLUMNS: dict[AtRiskSort, ColumnElement[Any]] = {
    AtRiskSort.expected_loss: at_risk.c.expected_loss_minor,
    AtRiskSort.risk: at_risk.c.risk,
    AtRiskSort.value: at_risk.c.value_if_kept_minor,
    AtRiskSort.recency: recency_or_last,
    AtRiskSort.days_to_act: days_or_last,
    AtRiskSort.account_id: at_risk.c.account_id,
}
_GOING_UP = {AtRiskSort.days_to_act, AtRiskSort.account_id}
_DOCUMENTS = ("reasons", "curve", "causes")
_NAMES = [field.name for field in fields(AtRiskRow)]


def write_at_risk(ledger: Ledger, run_id: int, rows: Iterable[AtRiskRow]) -> int:
    """Append the list of an open run of kind ``scores`` in chunks; return how many rows.

    Raises
    ------
    ConflictError
        An account occurs twice, or the run is closed.
    RowsError
        A number is not finite.
    """
    prepared = (
        {
            **vars(row),
            "run_id": run_id,
            **{name: _dump(row, name) for name in _DOCUMENTS},
        }
        for row in rows
    )
    return write_rows(ledger, at_risk, prepared)


def read_at_risk(
    ledger: Ledger,
    filters: AtRiskFilters,
    *,
    sort: AtRiskSort = AtRiskSort.expected_loss,
    cursor: Position | None = None,
    limit: int = 50,
) -> AtRiskPage | None:
    """Return one page of the current list, or of the list a cursor walks.

    A cursor keeps to its run: a refresh between two pages neither repeats nor drops an account.

    Returns
    -------
    AtRiskPage or None
        ``None`` before the first published run.
    """
    with ledger.reading() as connection:
        run = read_walked_run(connection, "scores", cursor.run_id if cursor else None)
        if run is None:
            return None
        query = select(*[at_risk.c[name] for name in _NAMES])
        query = query.where(at_risk.c.run_id == run.run_id, *_conditions(filters))
        order = _order(filters, sort)
        after = Place(cursor.value, cursor.account_id) if cursor else None
        found, end = read_rows(connection, query, order, after=after, limit=limit)
        rows = [_row(row) for row in found]
    following = None if end is None else Position(run.run_id, end.value, end.tie)
    return AtRiskPage(run, rows, following)


def read_at_risk_account(
    ledger: Ledger, account_id: str, book: Book | None = None
) -> AtRiskRow | None:
    """Return one account's row of the current list; ``None`` if it is not in it, or hidden."""
    query = (
        select(*[at_risk.c[name] for name in _NAMES])
        .join(current_runs, current_runs.c.run_id == at_risk.c.run_id)
        .where(current_runs.c.kind == "scores", at_risk.c.account_id == account_id)
        .where(*is_in(book, at_risk))
    )
    with ledger.reading() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _row(row)


def sum_at_risk(ledger: Ledger, filters: AtRiskFilters) -> tuple[Run, list[AtRiskTotal]] | None:
    """Return what the accounts of the current list come to, by status and currency.

    Exactly the rows that `read_at_risk` lists for the same filters are counted.

    Returns
    -------
    tuple or None
        ``None`` before the first published run.
    """
    parts = (at_risk.c.status, at_risk.c.currency)
    sums = [
        func.coalesce(func.sum(at_risk.c[name]), 0.0)
        for name in ("expected_loss_minor", "arr_at_risk_minor", "value_if_kept_minor")
    ]
    with ledger.reading() as connection:
        run = read_walked_run(connection, "scores", None)
        if run is None:
            return None
        query = (
            select(*parts, func.count(), *sums)
            .where(at_risk.c.run_id == run.run_id, *_conditions(filters))
            .group_by(*parts)
            .order_by(*parts)
        )
        return run, [AtRiskTotal(*row) for row in connection.execute(query)]


def find_visible(ledger: Ledger, account_ids: Sequence[str], book: Book) -> set[str]:
    """Return which of some accounts are in a book, by the current list."""
    query = (
        select(at_risk.c.account_id)
        .join(current_runs, current_runs.c.run_id == at_risk.c.run_id)
        .where(current_runs.c.kind == "scores", at_risk.c.account_id.in_(account_ids))
        .where(*is_in(book, at_risk))
    )
    with ledger.reading() as connection:
        return set(connection.scalars(query))


def _conditions(filters: AtRiskFilters) -> list[ColumnElement[bool]]:
    names = ("segment", "country", "owner_id", "route", "band", "status")
    wanted = {name: getattr(filters, name) for name in names}
    conditions = [at_risk.c[name] == value for name, value in wanted.items() if value is not None]
    conditions += is_in(filters.book, at_risk)
    for sort, least in _bounds(filters).items():
        # wrapped, or SQLite would read all rows above it and sort them
        conditions.append(func.coalesce(_SORT_COLUMNS[sort], 0.0) >= least)
    return conditions


def _bounds(filters: AtRiskFilters) -> dict[AtRiskSort, float]:
    bounds = {AtRiskSort.risk: filters.min_risk, AtRiskSort.value: filters.min_value_minor}
    return {sort: least for sort, least in bounds.items() if least is not None}


def _order(filters: AtRiskFilters, sort: AtRiskSort) -> Order:
    key = _SORT_COLUMNS[sort]
    if filters.owner_id is not None:
        # wrapped, or SQLite would look for a few hundred accounts in the order of all
        key = func.coalesce(key, key)
    least = _bounds(filters).get(sort)
    return Order(key, at_risk.c.account_id, going_up=sort in _GOING_UP, least=least)


def _dump(row: AtRiskRow, name: str) -> str | None:
    value = getattr(row, name)
    owner = f"the {name} of account {row.account_id}"
    return None if value is None else dump_document(value, owner)


def _row(row: RowMapping) -> AtRiskRow:
    parsed = {name: parse_document(row[name]) for name in _DOCUMENTS}
    # rows of the first schema say nothing of treatment
    found = {name: row[name] for name in _NAMES}
    return AtRiskRow(**{**found, **parsed, "treatment": row["treatment"] or "none"})
