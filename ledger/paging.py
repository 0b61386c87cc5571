"""Lists that are read page by page: the run that a cursor walks, and where a page ends.

A cursor keeps to its run: a refresh between two pages neither repeats nor drops a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_

from ledger.runs import Run, published_runs, run_of
from ledger.tables import current_runs, publications, runs


@dataclass(frozen=True)
class Order:
    """By what a list is ordered.

    Attributes
    ----------
    key
        Sort value of a row, never null.
    tie
        Column that tells rows of one value apart, ascending.
    going_up
        The smallest value first.
    least
        Rows below this value are not listed.
    """

    key: ColumnElement[Any]
    tie: ColumnElement[Any]
    going_up: bool = False
    least: float | None = None


@dataclass(frozen=True)
class Place:
    """Where a page ended: the last row's sort value and what tells it apart."""

    value: Any
    tie: str


def read_walked_run(connection: Connection, kind: str, run_id: int | None) -> Run | None:
    """Return the published run that a cursor walks or, without one, the current run of a kind.

    ``None`` where there is no such run.
    """
    query = published_runs()
    if run_id is not None:
        query = query.where(publications.c.run_id == run_id)
    else:
        mine = and_(current_runs.c.run_id == runs.c.id, current_runs.c.kind == kind)
        query = query.join(current_runs, mine)
    found = connection.execute(query).mappings().first()
    return None if found is None else run_of(found)


def read_rows(
    connection: Connection, query: Select[Any], order: Order, *, after: Place | None, limit: int
) -> tuple[list[RowMapping], Place | None]:
    """Return at most ``limit`` rows after a place, and where the next page begins.

    Returns
    -------
    list, Place or None
        ``None`` at the end.
    """
    key = order.key.label("page_value")
    first = order.key.asc() if order.going_up else order.key.desc()
    query = query.add_columns(key)
    listed = query if order.least is None else query.where(order.key >= order.least)
    parts = [listed.order_by(first, order.tie.asc())]
    if after is not None:
        # one after the other: both lead the store into its index at the place, an "or" does not
        same = query.where(order.key == after.value, order.tie > after.tie)
        beyond = order.key > after.value if order.going_up else order.key < after.value
        parts = [same.order_by(order.tie.asc()), parts[0].where(beyond)]
    rows: list[RowMapping] = []
    for part in parts:
        if len(rows) <= limit:
            rows += connection.execute(part.limit(limit + 1 - len(rows))).mappings()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], Place(last["page_value"], str(last[order.tie]))
