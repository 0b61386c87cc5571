"""Deals' rows out of a snapshot: the two tables that tell of a deal's fields, value by value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.days import NEVER, Floats, Ints, date_days, local_days, numbers, seen_days
from lifecycle.snapshot import Snapshot

VERSION_TEXTS = {"account": "account_id", "owner": "owner_id", "product": "product_id",
                 "kind": "kind", "source": "source", "category": "category",
                 "currency": "currency", "outcome": "outcome", "competitor": "competitor",
                 "lead": "lead_id"}  # fmt: skip
"""Text field to column of `opportunities`; the stage is read apart."""

CHANGE_TEXTS = ("category", "owner", "outcome")
"""Fields whose values stand in the texts of `opportunity_changes`; so does the stage."""

OPEN, WON, LOST = 0.0, 1.0, 2.0
"""Codes of the outcome."""

MOST_MINOR = 10**13
"""An amount above this, or not above zero, is not told at all."""

CLOSE_FIRST, CLOSE_LAST = 7_305, 47_846
"""A close date outside 1990-2100 (days since 1970-01-01) is not told at all."""


@dataclass(frozen=True)
class Table:
    """Rows of one table, all versions, in a fixed order.

    Attributes
    ----------
    rows
        The columns asked for.
    deal
        Code of the deal, shape (r,).
    known
        When it was known (days), shape (r,).
    void
        First day on which it no longer counts, shape (r,).
    """

    rows: pa.Table
    deal: Ints
    known: Floats
    void: Ints

    def text(self, column: str) -> pa.Array:
        """Return a text column, length r."""
        return whole(self.rows[column])


def read_table(
    snapshot: Snapshot, name: str, columns: Iterable[str], *, order: tuple[str, ...]
) -> pa.Table:
    """Read all versions of a table's rows that name a deal, sorted.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    rows = snapshot.versions(name)
    rows = rows.filter(rows.opportunity_id.notnull())
    kept = dict.fromkeys(("opportunity_id", "known_at", "void_at", *columns, *order))
    return snapshot.collect(rows.select(*kept).order_by([ibis.asc(name) for name in order]))


def deal_ids(*tables: pa.Table) -> pa.Array:
    """Return the ids of all deals that the tables speak of, sorted."""
    found = pa.concat_arrays(
        [chunk for table in tables for chunk in table["opportunity_id"].chunks]
        or [pa.array([], pa.string())]
    )
    unique = pc.unique(found)
    return unique.take(pc.sort_indices(unique))


def coded(table: pa.Table, ids: pa.Array, snapshot: Snapshot) -> Table:
    """Give the rows their deals' codes and clocks."""
    deal = places_of(whole(table["opportunity_id"]), ids)
    known = local_days(table["known_at"], snapshot.zone)
    void = seen_days(local_days(table["void_at"], snapshot.zone))
    return Table(table, deal.astype(np.int64), known, np.minimum(void, NEVER))


def words_of(*columns: pa.Array) -> pa.Array:
    """Return the distinct texts of columns, sorted: their place is their code."""
    unique = pc.unique(pa.concat_arrays([pa.array([], pa.string()), *columns])).drop_null()
    return unique.take(pc.sort_indices(unique))


def places_of(texts: pa.Array, words: pa.Array) -> Floats:
    """Return the codes of texts, shape (n,); NaN where null or not among the words."""
    return numbers(pc.index_in(texts, value_set=words, skip_nulls=True))


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    return pa.concat_arrays([pa.array([], column.type), *column.chunks])


def plausible_amounts(column: pa.ChunkedArray) -> Floats:
    """Return amounts (minor), shape (n,); NaN where none is told: null, not above 0, absurd."""
    values = numbers(column)
    with np.errstate(invalid="ignore"):
        return np.where((values > 0) & (values <= MOST_MINOR), values, np.nan)


def plausible_days(column: pa.ChunkedArray) -> Floats:
    """Return close dates as day numbers, shape (n,); NaN where none is told: null, 1900, 2999."""
    values = date_days(column)
    with np.errstate(invalid="ignore"):
        return np.where((values >= CLOSE_FIRST) & (values <= CLOSE_LAST), values, np.nan)
