"""Vintages across books: one leg of one node through the weeks and quarters, with what came of it.

Which books count is decided here, once, for reading and for judging: of live forecasts the first
that was published of an origin, because it is the one that people saw; of backtests the newest
published run that holds the target.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    RowMapping,
    Select,
    Subquery,
    and_,
    func,
    literal,
    select,
    union_all,
)

from ledger.books import ROW_NAMES, TOTAL, VintageRow, check_target
from ledger.engine import Ledger
from ledger.forecast_tables import forecast_books, vintage_scores, vintages
from ledger.issued_books import KINDS, Source, row_of
from ledger.tables import publications, runs

SERVED = "served"
"""Stands for whichever leg was served."""


@dataclass(frozen=True)
class Wanted:
    """Which vintages are asked for.

    Attributes
    ----------
    target
        One of ``TARGETS``.
    source
        ``live``: all published runs, the first published of an origin counts. ``backtest``: the
        target's newest published backtest.
    node, leg, period
        ``None`` means each of them. In records the leg may be ``served``.
    before
        Only periods before this one: what an earlier day could know of the record.
    """

    target: str
    source: Source = "backtest"
    node: str | None = TOTAL
    leg: str | None = None
    period: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class StoredVintage:
    """A published vintage.

    Attributes
    ----------
    period, origin, week
        What was forecast, from which day, in which week of the quarter.
    row
        What was said.
    actual_minor
        What came of it, minor units; ``None`` until it was judged.
    """

    id: int
    run_id: int
    period: str
    origin: date
    week: int
    currency: str
    row: VintageRow
    actual_minor: float | None


_NO_SCORES = {"vintage_id", "run_id", "known_on"}
_JUDGED = ("run_id", "node", "period", "origin", "week", "p50_minor")
_PLACE = ("id", "run_id", "period", "origin", "week", "currency")


def read_vintages(ledger: Ledger, wanted: Wanted) -> list[StoredVintage]:
    """Return the vintages that count, by period, origin, node and leg.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    counted, here = counted_books(wanted), vintages.c
    query = (
        select(*[here[name] for name in (*_PLACE, *ROW_NAMES)])
        .add_columns(vintage_scores.c.actual_minor)
        .join(counted, of_book(counted))
        .outerjoin(vintage_scores, vintage_scores.c.vintage_id == here.id)
        .where(*of_wanted(wanted))
        .order_by(here.period, here.origin, here.node, here.leg)
    )
    with ledger.reading() as connection:
        return [_vintage(row) for row in connection.execute(query).mappings()]


def counted_books(wanted: Wanted) -> Subquery:
    """Select run_id, period and origin of the books of a target that count for a source.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    check_target(wanted.target)
    here = forecast_books.c
    published = (
        select(here.run_id, here.period, here.origin, publications.c.id.label("place"))
        .join(publications, publications.c.run_id == here.run_id)
        .join(runs, runs.c.id == here.run_id)
        .where(here.target == wanted.target, runs.c.kind == KINDS[wanted.source])
        .cte()
    )
    rows = select(published.c.run_id, published.c.period, published.c.origin)
    if wanted.source == "backtest":
        newest = select(func.max(published.c.place)).scalar_subquery()
        return rows.where(published.c.place == newest).subquery("counted")
    first = (
        select(published.c.period, published.c.origin, func.min(published.c.place).label("place"))
        .group_by(published.c.period, published.c.origin)
        .subquery("first_books")
    )
    same = [published.c[name] == first.c[name] for name in ("period", "origin", "place")]
    return rows.join(first, and_(*same)).subquery("counted")


def judged_vintages(wanted: Wanted) -> CTE:
    """Select what was judged of the vintages that count: leg, place, P50 and all scores.

    What was served is among them once more, as leg ``served``: it is the product's own record,
    whichever leg spoke for it.

    Raises
    ------
    UsageError
        The target is unknown.
    """
    counted, here = counted_books(wanted), vintages.c
    if wanted.leg == SERVED:
        return _judged(wanted, counted, literal(SERVED)).where(here.served).cte()
    each = _judged(wanted, counted, here.leg)
    if wanted.leg is not None:
        return each.cte()
    served = _judged(wanted, counted, literal(SERVED)).where(here.served)
    return union_all(each, served).cte()


def _judged(wanted: Wanted, counted: Subquery, leg: ColumnElement[str]) -> Select[Any]:
    here, scores = vintages.c, vintage_scores.c
    asked = replace(wanted, leg=None if wanted.leg == SERVED else wanted.leg)
    return (
        select(leg.label("leg"), *[here[name] for name in _JUDGED])
        .add_columns(*[column for column in scores if column.name not in _NO_SCORES])
        .join(counted, of_book(counted))
        .join(vintage_scores, scores.vintage_id == here.id)
        .where(*of_wanted(asked))
    )


def of_book(counted: Subquery) -> ColumnElement[bool]:
    """Hold where a vintage belongs to a counted book (its target is asked for besides)."""
    return and_(*[vintages.c[name] == counted.c[name] for name in ("run_id", "period", "origin")])


def of_wanted(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Hold where a vintage is one of those asked for."""
    asked = {name: getattr(wanted, name) for name in ("target", "node", "leg", "period")}
    held = [vintages.c[name] == value for name, value in asked.items() if value is not None]
    if wanted.before is not None:  # fiscal quarters sort by their names
        held.append(vintages.c.period < wanted.before)
    return held


def _vintage(row: RowMapping) -> StoredVintage:
    place = {name: row[name] for name in _PLACE}
    return StoredVintage(**place, row=row_of(row), actual_minor=row["actual_minor"])
