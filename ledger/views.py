"""The read model of the at-risk list, written by refresh so that a page is one statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, or_, select

from ledger.documents import dump_document, parse_document
from ledger.engine import Ledger
from ledger.rows import write_rows
from ledger.runs import Run, published_runs, run_of
from ledger.tables import at_risk, current_runs, publications, runs


@dataclass(frozen=True)
class AtRiskRow:
    """One account of the at-risk list.

    Attributes
    ----------
    status
        ``at_risk``, or ``lapsed`` when the rule says it has already gone.
    risk
        Probability 0-1 of no purchase within the horizon.
    value_if_kept_minor, expected_loss_minor
        Expected spend if it stays, and risk x that, in minor units of ``currency``.
    rank
        1 is the largest expected loss among the accounts of its status.
    recency_days
        Days from the last purchase to the run's day.
    reasons
        Mappings with group, label, contribution, value, peer_median, actionable, direction.
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
    recency_days: float
    last_order_on: date | None
    reasons: list[dict[str, Any]]


@dataclass(frozen=True)
class AtRiskFilters:
    """Which accounts to list; ``None`` means all."""

    segment: str | None = None
    country: str | None = None
    owner_id: str | None = None
    route: str | None = None
    band: str | None = None
    status: str | None = None
    min_risk: float | None = None
    min_value_minor: float | None = None


class AtRiskSort(StrEnum):
    """Order of the list; all but ``account_id`` go from the largest down."""

    expected_loss = "expected_loss"
    risk = "risk"
    value = "value"
    recency = "recency"
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


_SORT_COLUMNS = {
    AtRiskSort.expected_loss: at_risk.c.expected_loss_minor,
    AtRiskSort.risk: at_risk.c.risk,
    AtRiskSort.value: at_risk.c.value_if_kept_minor,
    AtRiskSort.recency: at_risk.c.recency_days,
    AtRiskSort.account_id: at_risk.c.account_id,
}
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
            **asdict(row),
            "run_id": run_id,
            "reasons": dump_document(row.reasons, f"the reasons of account {row.account_id}"),
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
    column = _SORT_COLUMNS[sort]
    with ledger.reading() as connection:
        found = connection.execute(_walked_run(cursor)).mappings().first()
        if found is None:
            return None
        run = run_of(found)
        query = (
            select(*[at_risk.c[name] for name in _NAMES])
            .where(at_risk.c.run_id == run.run_id, *_conditions(filters))
            .order_by(*_order(sort, column))
            .limit(limit + 1)
        )
        if cursor is not None:
            query = query.where(_after(sort, column, cursor))
        found_rows = [_row(row) for row in connection.execute(query).mappings()]
    following = None
    if len(found_rows) > limit:
        last = found_rows[limit - 1]
        following = Position(run.run_id, getattr(last, column.name), last.account_id)
    return AtRiskPage(run, found_rows[:limit], following)


def read_at_risk_account(ledger: Ledger, account_id: str) -> AtRiskRow | None:
    """Return one account's row of the current list; ``None`` if it is not in it."""
    query = (
        select(*[at_risk.c[name] for name in _NAMES])
        .join(current_runs, current_runs.c.run_id == at_risk.c.run_id)
        .where(current_runs.c.kind == "scores", at_risk.c.account_id == account_id)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _row(row)


def _walked_run(cursor: Position | None) -> Select[Any]:
    if cursor is not None:
        return published_runs().where(publications.c.run_id == cursor.run_id)
    return published_runs().join(
        current_runs, and_(current_runs.c.run_id == runs.c.id, current_runs.c.kind == "scores")
    )


def _conditions(filters: AtRiskFilters) -> list[ColumnElement[bool]]:
    names = ("segment", "country", "owner_id", "route", "band", "status")
    wanted = {name: getattr(filters, name) for name in names}
    conditions = [at_risk.c[name] == value for name, value in wanted.items() if value is not None]
    if filters.min_risk is not None:
        conditions.append(at_risk.c.risk >= filters.min_risk)
    if filters.min_value_minor is not None:
        conditions.append(at_risk.c.value_if_kept_minor >= filters.min_value_minor)
    return conditions


def _order(sort: AtRiskSort, column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    if sort is AtRiskSort.account_id:
        return [at_risk.c.account_id.asc()]
    return [column.desc(), at_risk.c.account_id.asc()]


def _after(sort: AtRiskSort, column: ColumnElement[Any], cursor: Position) -> ColumnElement[bool]:
    if sort is AtRiskSort.account_id:
        return at_risk.c.account_id > cursor.account_id
    same = and_(column == cursor.value, at_risk.c.account_id > cursor.account_id)
    return or_(column < cursor.value, same)


def _row(row: RowMapping) -> AtRiskRow:
    return AtRiskRow(**{**row, "reasons": parse_document(row["reasons"])})
