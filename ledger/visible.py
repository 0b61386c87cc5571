"""Books: which rows a caller sees, as a condition on every read that names accounts or deals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Table, delete, false, insert, or_, select

from ledger.access_tables import book_pairs, books
from ledger.audit import Actor, AuditEntry, append_audit, digest_of
from ledger.engine import Ledger
from lifecycle.errors import UsageError

COLUMNS = {"segment": "segment", "region": "region", "team": "team", "owner": "owner_id"}
"""By which column a row of accounts, deals or owners is found in each dimension."""
DIMENSIONS = (*COLUMNS, "product")
"""What a book may name; a product is known of forecasts alone."""
LARGEST_PAIR_COUNT = 500
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}").fullmatch


@dataclass(frozen=True)
class Book:
    """A named set of pairs of a dimension and a value; a row that has one of them is in it.

    Attributes
    ----------
    pairs
        Dimension (of `DIMENSIONS`) and value. Without any, nothing is in the book.
    """

    name: str
    pairs: frozenset[tuple[str, str]]

    def values(self, dimension: str) -> frozenset[str]:
        """Return the book's values of one dimension."""
        return frozenset(value for name, value in self.pairs if name == dimension)

    def has_node(self, node: str) -> bool:
        """Say whether a forecast's node, ``<dimension>=<name>``, is one of the book's pairs."""
        dimension, _, value = node.partition("=")
        return (dimension, value) in self.pairs


def is_in(book: Book | None, table: Table) -> list[ColumnElement[bool]]:
    """Return the conditions under which a table's row is in a book; none without a book.

    A dimension that the table does not have lets nothing in.
    """
    if book is None:
        return []
    found = [
        table.c[column].in_(sorted(book.values(dimension)))
        for dimension, column in COLUMNS.items()
        if column in table.c and book.values(dimension)
    ]
    return [or_(false(), *found)]


def write_book(ledger: Ledger, book: Book, by: Actor) -> None:
    """Make a book, or give a book that is there other pairs; running services follow in 5 seconds.

    Raises
    ------
    UsageError
        A name, a dimension or a value cannot be used.
    """
    _check_book(book)
    with ledger.writing() as connection:
        before = _read_pairs(connection, book.name)
        if connection.scalar(select(books.c.name).where(books.c.name == book.name)) is None:
            row = {"name": book.name, "created_by": by.name[:100], "created_at": datetime.now(UTC)}
            connection.execute(insert(books), row)
        connection.execute(delete(book_pairs).where(book_pairs.c.book == book.name))
        pairs = [
            {"book": book.name, "dimension": dimension, "value": value}
            for dimension, value in sorted(book.pairs)
        ]
        connection.execute(insert(book_pairs), pairs)
        entry = AuditEntry(
            by,
            "books.write",
            f"book:{book.name}",
            before_hash=digest_of(sorted(before)) if before else None,
            after_hash=digest_of(sorted(book.pairs)),
        )
        append_audit(connection, entry)


def read_books(ledger: Ledger) -> list[Book]:
    """Return every book, by name."""
    with ledger.reading() as connection:
        names = list(connection.scalars(select(books.c.name).order_by(books.c.name)))
        return [Book(name, _read_pairs(connection, name)) for name in names]


def read_book_of(ledger: Ledger, name: str) -> Book:
    """Return a book by its name; one that is not there lets nothing be seen."""
    with ledger.reading() as connection:
        return Book(name, _read_pairs(connection, name))


def check_book(ledger: Ledger, name: str) -> Book:
    """Return a book that is to be given to somebody.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    known = {one.name: one for one in read_books(ledger)}
    if name not in known:
        told = ", ".join(known) or "none yet"
        raise UsageError(f"book {name[:40]!r}", f"one of: {told}", "run `truecast books create`")
    return known[name]


def parse_pairs(given: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Read pairs that were written ``dimension=value``.

    Raises
    ------
    UsageError
        One of them has no equals sign.

    Examples
    --------
    >>> sorted(parse_pairs(["owner=W1", "segment=mid"]))
    [('owner', 'W1'), ('segment', 'mid')]
    """
    pairs = [one.partition("=") for one in given]
    for dimension, sign, _ in pairs:
        if not sign:
            raise UsageError(f"pair {dimension[:40]!r}", "dimension=value", "write owner=W1")
    return frozenset((dimension.strip(), value.strip()) for dimension, _, value in pairs)


def _read_pairs(connection: Connection, name: str) -> frozenset[tuple[str, str]]:
    query = select(book_pairs.c.dimension, book_pairs.c.value).where(book_pairs.c.book == name)
    return frozenset((row.dimension, row.value) for row in connection.execute(query))


def _check_book(book: Book) -> None:
    if not _NAME(book.name):
        raise UsageError(f"book {book.name[:40]!r}", "letters, digits and _.:-", "name it so")
    if not 1 <= len(book.pairs) <= LARGEST_PAIR_COUNT:
        raise UsageError(
            f"a book of {len(book.pairs)} pairs", f"1 to {LARGEST_PAIR_COUNT}", "give --pair"
        )
    for dimension, value in book.pairs:
        if dimension not in DIMENSIONS or not 1 <= len(value) <= 128:
            raise UsageError(
                f"pair {dimension[:40]}={value[:40]}",
                f"a dimension of {', '.join(DIMENSIONS)} and a value of 1 to 128 characters",
                "correct --pair",
            )
