"""Books: all that one target's forecast of one quarter said from one origin, kept for ever.

Forecasts that are served and those of a backtest are written alike, into the same tables. A book is
written whole or not at all, so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, Self

from sqlalchemy import select

from ledger.documents import dump_document
from ledger.engine import Ledger
from ledger.forecast_tables import TARGETS, forecast_books, target_chances, vintages
from ledger.rows import insert_rows
from lifecycle.errors import RowsError, UsageError

TOTAL = "total"
QUANTILES_COUNT = 21
P10, P50, P90 = 2, 10, 18
"""Places of the levels 0.1, 0.5 and 0.9 among a vintage's quantiles."""


@dataclass(frozen=True, slots=True)
class VintageRow:
    """One leg's forecast of one node; money in minor units of the book's currency.

    Attributes
    ----------
    node
        ``total`` or ``<dimension>=<value>``.
    served
        Whether this leg is the product's answer for the node.
    quantiles
        21, whole, none below the one before; ``None`` of what was said before they were kept.
    to_date_minor
        What of the quarter was in already at the origin.
    parts
        Addends of the served mean; ``None`` for other legs.
    """

    node: str
    leg: str
    served: bool
    mean_minor: float
    p10_minor: float
    p50_minor: float
    p90_minor: float
    quantiles: tuple[int, ...] | None
    to_date_minor: float | None
    parts: dict[str, float] | None = None

    @classmethod
    def of_grid(
        cls, node: str, leg: str, *, mean_minor: float, grid_minor: Sequence[float], **more: Any
    ) -> Self:
        """Make a row from 21 quantiles, which are rounded to whole minor units.

        Parameters
        ----------
        more
            served, to_date_minor, parts; by default not served, unknown and none.

        Raises
        ------
        RowsError
            They are not 21, not finite, or one lies below the one before.
        """
        whole = _whole(grid_minor, f"{leg} at {node}")
        return cls(
            node=node,
            leg=leg,
            served=more.get("served", False),
            mean_minor=mean_minor,
            p10_minor=float(whole[P10]),
            p50_minor=float(whole[P50]),
            p90_minor=float(whole[P90]),
            quantiles=whole,
            to_date_minor=more.get("to_date_minor"),
            parts=more.get("parts"),
        )


@dataclass(frozen=True, slots=True)
class ChanceRow:
    """The chance (0-1) said to reach a target of a node, which is in minor units."""

    node: str
    target_id: str
    target_minor: float
    p_hit: float


@dataclass(frozen=True)
class Book:
    """All that was said of one target's quarter from one origin.

    Attributes
    ----------
    target, period
        One of ``TARGETS``; a fiscal quarter such as ``2012Q1``.
    origin, week
        The as-of day, and its week of the quarter (0-based; negative: before it began).
    served_leg, verdict
        The leg served at every node, and why.
    weights
        Of each leg in the combination, at the total.
    notes
        Facts shown beside the numbers, JSON values.
    model_version, data_hash
        Which models spoke, and from which facts.
    judged_quarters
        Past quarters behind weights, widths and verdict: the effective sample size.
    rows, chances
        Every leg at every node; chances to reach targets.
    """

    target: str
    period: str
    origin: date
    week: int
    served_leg: str
    verdict: str
    weights: Mapping[str, float]
    notes: Mapping[str, Any]
    model_version: str
    data_hash: str
    currency: str
    judged_quarters: int
    rows: Sequence[VintageRow] = ()
    chances: Sequence[ChanceRow] = ()


ROW_NAMES = tuple(VintageRow.__dataclass_fields__)
CHANCE_NAMES = tuple(ChanceRow.__dataclass_fields__)
BOOK_NAMES = tuple(name for name in Book.__dataclass_fields__ if name not in {"rows", "chances"})
_KEY = ("target", "period", "origin", "week")


def write_books(ledger: Ledger, run_id: int, books: Iterable[Book]) -> int:
    """Append books to an open run, each in a transaction of its own; return how many vintages.

    Raises
    ------
    ConflictError
        A book, a leg of a node or a target's chance occurs twice, or the run is closed.
    RowsError
        A number is not finite, or a chance lies outside 0-1.
    UsageError
        The target is unknown.
    """
    written = 0
    for book in books:
        check_target(book.target)
        rows = list(_vintage_rows(run_id, book))
        with ledger.writing() as connection:
            insert_rows(connection, forecast_books, [_book_row(run_id, book)])
            insert_rows(connection, vintages, rows)
            insert_rows(connection, target_chances, _chance_rows(run_id, book))
        written += len(rows)
    return written


def read_written(ledger: Ledger, run_id: int) -> set[tuple[str, str, date]]:
    """Return (target, period, origin) of a run's books, published or not: what is done already."""
    here = forecast_books.c
    query = select(here.target, here.period, here.origin).where(here.run_id == run_id)
    with ledger.reading() as connection:
        return {(row.target, row.period, row.origin) for row in connection.execute(query)}


def check_target(target: str) -> None:
    """Refuse a target that nobody forecasts.

    Raises
    ------
    UsageError
        It is none of ``TARGETS``.
    """
    if target not in TARGETS:
        expected = f"one of {', '.join(TARGETS)}"
        raise UsageError(f"target {target[:40]!r}", expected, "correct the target")


def _book_row(run_id: int, book: Book) -> dict[str, Any]:
    owner = f"the {book.target} of {book.period}"
    row = {name: getattr(book, name) for name in BOOK_NAMES}
    documents = {
        name: dump_document(dict(row[name]), f"{name} of {owner}") for name in ("weights", "notes")
    }
    return {**row, **documents, "run_id": run_id}


def _vintage_rows(run_id: int, book: Book) -> Iterator[dict[str, Any]]:
    key = {"run_id": run_id, "currency": book.currency}
    key |= {name: getattr(book, name) for name in _KEY}
    for row in book.rows:
        given = {name: getattr(row, name) for name in ROW_NAMES}
        owner = f"{book.target} {book.period}, {row.leg} at {row.node}"
        if row.quantiles is not None:
            whole = _whole(row.quantiles, owner)
            given["quantiles"] = dump_document(whole, f"the quantiles of {owner}")
        if row.parts is not None:
            given["parts"] = dump_document(row.parts, f"the parts of {owner}")
        yield {**key, **given}


def _chance_rows(run_id: int, book: Book) -> Iterator[dict[str, Any]]:
    key = {"run_id": run_id, **{name: getattr(book, name) for name in _KEY}}
    for one in book.chances:
        if not 0 <= one.p_hit <= 1:
            found = f"the chance to reach {one.target_id} of {one.node} is {one.p_hit}"
            raise RowsError(found, "a number between 0 and 1", "correct what computes it")
        yield {**key, **{name: getattr(one, name) for name in CHANCE_NAMES}}


def _whole(grid: Sequence[float], owner: str) -> tuple[int, ...]:
    if len(grid) != QUANTILES_COUNT or not all(map(isfinite, grid)):
        found = f"{len(grid)} quantiles of {owner}, or one that is not finite"
        raise RowsError(found, f"{QUANTILES_COUNT} finite numbers", "correct the leg")
    whole = tuple(map(round, grid))
    if list(whole) != sorted(whole):
        raise RowsError(f"quantiles of {owner} that cross", "none below the one before")
    return whole
