"""What a mapping file says: which source column becomes which canonical column, and how."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from lifecycle.errors import TableError
from lifecycle.tables.declare import Column, Table

ATTRIBUTE_ENTITIES = {
    "accounts": "account",
    "opportunities": "opportunity",
    "contacts": "contact",
    "leads": "lead",
    "subscriptions": "subscription",
    "products": "product",
}
"""Tables whose further columns may be kept as attributes, and what their entity is called."""


@dataclass(frozen=True)
class RowTest:
    """Which rows are meant: those of which the source columns hold one of the values.

    Attributes
    ----------
    sources
        Source columns, joined with ``:`` when several; a row that lacks one is not meant.
    values
        The values, as text.
    """

    sources: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class ColumnSpec:
    """How one canonical column is filled, or one of several ways: the first that gives a value.

    Attributes
    ----------
    sources
        Source columns, joined with ``:`` when several; empty for a constant.
    value
        The constant, as text.
    is_major
        Money comes in major units (pounds), not in minor (pence).
    formats
        strptime formats of dates; empty = ISO 8601. ``epoch_s`` and ``epoch_ms`` count from 1970,
        ``iso`` is ISO 8601 beside others.
    zone
        Zone of instants without an offset.
    values
        Source value to canonical value.
    sign_of
        Money column whose sign tells the kind: sale, credit or adjustment.
    default
        For values that the map does not name, and for absent ones; ``None`` = none.
    when
        The only rows that are filled so; ``None`` = all.
    as_id
        Text becomes an id: what an id may not hold is replaced.
    """

    column: Column
    sources: tuple[str, ...] = ()
    value: str | None = None
    is_major: bool = False
    formats: tuple[str, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    values: AnyMapping[str, str] | None = None
    default: str | None = None
    sign_of: str | None = None
    when: RowTest | None = None
    as_id: bool = False


@dataclass(frozen=True)
class KnownAt:
    """Where ``known_at`` comes from: a column, a constant, the event clock, or the arrival."""

    spec: ColumnSpec | None = None
    from_event_clock: bool = False
    delay: timedelta = timedelta()
    known_source: str = "arrival"


@dataclass(frozen=True)
class SourceOptions:
    """How the source is to be read."""

    format: str | None = None
    delimiter: str = ","
    decimal_comma: bool = False
    null_values: tuple[str, ...] = ("", "NULL", "null", "\\N")
    query: str | None = None


@dataclass(frozen=True)
class Mapping:
    """One parsed mapping file.

    Attributes
    ----------
    attributes
        Source columns kept as attributes; ``*`` = all that nothing else uses.
    attributes_known
        Source column to when its value was known; ``*`` = all others.
    keep
        Tests that a row must pass, all of them, to be read at all.
    deleted
        Which rows take an event back.
    """

    table: Table
    columns: tuple[ColumnSpec, ...]
    known_at: KnownAt
    options: SourceOptions
    attributes: tuple[str, ...] = ()
    attributes_exclude: frozenset[str] = frozenset()
    attributes_known: AnyMapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    digest: str = ""
    keep: tuple[RowTest, ...] = ()
    deleted: RowTest | None = None

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Source columns that canonical columns, ``known_at`` and the choice of rows need."""
        known = self.known_at.spec.sources if self.known_at.spec else ()
        names = [name for spec in self.columns for name in spec.sources]
        tests = [*self.keep, *(spec.when for spec in self.columns if spec.when)]
        tests += [self.deleted] if self.deleted else []
        asked = [name for test in tests for name in test.sources]
        return tuple(dict.fromkeys([*names, *known, *asked]))

    def attribute_columns(self, present: tuple[str, ...]) -> tuple[str, ...]:
        """Source columns to keep as attributes, out of those present."""
        if "*" in self.attributes:
            taken = {*self.source_columns, *self.attributes_exclude}
            return tuple(name for name in present if name not in taken)
        return tuple(name for name in self.attributes if name not in self.attributes_exclude)

    def wanted(self, present: tuple[str, ...]) -> tuple[str, ...]:
        """All source columns to read, out of those present.

        Raises
        ------
        TableError
            A column that the mapping names is not there.
        """
        dated = (name for name in self.attributes_known if name != "*")
        named = (*self.source_columns, *self.attribute_columns(present), *dated)
        missing = [name for name in named if name not in present]
        if missing:
            raise TableError(
                f"no column {missing[0]!r} among {listed(present)}",
                f"the columns that the mapping names: {listed(named)}",
                "correct the export, or the mapping's [columns]",
            )
        return tuple(dict.fromkeys(named))


def listed(names: tuple[str, ...]) -> str:
    """Return names for a message, at most twelve of them."""
    shown = ", ".join(repr(name)[:40] for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
