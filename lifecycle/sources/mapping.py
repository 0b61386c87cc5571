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
class ColumnSpec:
    """How one canonical column is filled.

    Attributes
    ----------
    sources
        Source columns, joined with ``:`` when several; empty for a constant.
    value
        The constant, as text.
    is_major
        Money comes in major units (pounds), not in minor (pence).
    formats
        strptime formats of dates; empty = ISO 8601. ``epoch_s`` and ``epoch_ms`` count from 1970.
    zone
        Zone of instants without an offset.
    values
        Source value to canonical value.
    sign_of
        Money column whose sign tells the kind: sale, credit or adjustment.
    default
        For values that the map does not name, and for absent ones; ``None`` = none.
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


@dataclass(frozen=True)
class KnownAt:
    """Where ``known_at`` comes from: a column, the event clock, or (neither) the arrival."""

    spec: ColumnSpec | None = None
    from_event_clock: bool = False
    delay: timedelta = timedelta()
    known_source: str = "arrival"


@dataclass(frozen=True)
class Deleted:
    """Which rows take an event back: the source column, and its values that say so."""

    source: str
    values: tuple[str, ...]


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
    """One parsed mapping file."""

    table: Table
    columns: tuple[ColumnSpec, ...]
    known_at: KnownAt
    options: SourceOptions
    attributes: tuple[str, ...] = ()
    attributes_exclude: frozenset[str] = frozenset()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    digest: str = ""
    deleted: Deleted | None = None

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Source columns that the canonical columns and ``known_at`` are made from."""
        known = self.known_at.spec.sources if self.known_at.spec else ()
        names = [name for spec in self.columns for name in spec.sources]
        deleted = [self.deleted.source] if self.deleted else []
        return tuple(dict.fromkeys([*names, *known, *deleted]))

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
        named = (*self.source_columns, *self.attribute_columns(present))
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
