"""What a column and a table are, and the three columns that every fact carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "int64", "float64", "bool", "date", "timestamp"]
TableKind = Literal["entity", "event", "system"]


@dataclass(frozen=True)
class Column:
    """One column of a canonical table.

    Attributes
    ----------
    name
        Ends in its unit where it has one: ``_minor``, ``_days``, ``_count``, ``_share``, ``_at``
        (a UTC instant), ``_on`` (a day).
    type
        ``timestamp`` is microseconds in UTC, ``date`` a day without zone.
    unit
        ``id`` and ``currency`` are checked for their form; ``count``, ``days``, ``months`` and
        ``minutes`` may not be negative; ``share`` lies in 0-1; ``minor`` is the smallest unit
        of the row's currency.
    null
        ``True`` when the value may be absent.
    meaning
        One sentence for the data dictionary.
    allowed
        The only values allowed; empty = any.
    """

    name: str
    type: ColumnType
    unit: str
    null: bool
    meaning: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One canonical table.

    Attributes
    ----------
    name
        Name in the lake, in mapping files and in the dictionary.
    kind
        ``entity``: versions, the latest known one per key holds. ``event``: insert-only, a changed
        row is a correction. ``system``: written by the lake itself.
    key
        Natural key; an event has exactly one key column.
    event_clock
        When it happened (UTC instant); ``None`` for things that are rather than happen.
    columns
        Declared columns in order, without the system columns.
    meaning
        One sentence for the data dictionary.
    known_clock
        When we knew it; the same column everywhere.
    """

    name: str
    kind: TableKind
    key: tuple[str, ...]
    event_clock: str | None
    columns: tuple[Column, ...]
    meaning: str
    known_clock: str = "known_at"

    def column(self, name: str) -> Column:
        """Return the declared or system column of that name.

        Raises
        ------
        KeyError
            The table has no such column.
        """
        for column in (*self.columns, *SYSTEM_COLUMNS):
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the declared columns, in order."""
        return tuple(column.name for column in self.columns)


KNOWN_SOURCES = ("recorded", "assumed", "arrival")

SYSTEM_COLUMNS = (
    Column("known_at", "timestamp", "instant", False, "When we knew it; snapshots compare with <."),
    Column(
        "known_source",
        "string",
        "code",
        False,
        "Where known_at comes from: a recorded column, an assumed delay, or arrival in the lake.",
        KNOWN_SOURCES,
    ),
    Column("batch_id", "string", "id", False, "The batch that brought the row."),
)


def id_column(name: str, meaning: str, *, null: bool = False) -> Column:
    """Declare a reference or key: ``[A-Za-z0-9_.:-]{1,64}`` and not like an e-mail."""
    return Column(name, "string", "id", null, meaning)


def text(name: str, meaning: str, *, null: bool = True) -> Column:
    """Declare free text of at most 200 characters."""
    return Column(name, "string", "text", null, meaning)


def code(name: str, meaning: str, *, allowed: tuple[str, ...] = (), null: bool = True) -> Column:
    """Declare a value out of a small set."""
    return Column(name, "string", "code", null, meaning, allowed)


def instant(name: str, meaning: str, *, null: bool = False) -> Column:
    """Declare a UTC instant."""
    return Column(name, "timestamp", "instant", null, meaning)


def day(name: str, meaning: str, *, null: bool = True) -> Column:
    """Declare a calendar day."""
    return Column(name, "date", "day", null, meaning)


def money(name: str, meaning: str, *, null: bool = False) -> Column:
    """Declare money in minor units of the row's currency."""
    return Column(name, "int64", "minor", null, meaning)


def currency(*, null: bool = False) -> Column:
    """Declare the row's ISO 4217 currency."""
    return Column("currency", "string", "currency", null, "ISO 4217 code of the row's money.")


def whole(name: str, unit: str, meaning: str, *, null: bool = True) -> Column:
    """Declare a whole number with its unit."""
    return Column(name, "int64", unit, null, meaning)


def number(name: str, unit: str, meaning: str, *, null: bool = True) -> Column:
    """Declare a finite real number with its unit."""
    return Column(name, "float64", unit, null, meaning)


def flag(name: str, meaning: str, *, null: bool = True) -> Column:
    """Declare a yes or no."""
    return Column(name, "bool", "flag", null, meaning)
