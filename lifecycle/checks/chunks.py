"""A chunk of a source goes in, canonical rows come out, the rest goes to the quarantine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.attributes import build_attributes
from lifecycle.checks.bounds import CheckContext
from lifecycle.checks.columns import Conversion, as_text
from lifecycle.checks.dates import INSTANT
from lifecycle.checks.deals import check_deals, count_far_closes
from lifecycle.checks.quarantine import Quarantine
from lifecycle.checks.repeated import KeyIndex
from lifecycle.checks.rows import check_rows
from lifecycle.checks.rules import Faults, Flags
from lifecycle.sources.chunk import Chunk
from lifecycle.sources.mapping import ColumnSpec, Mapping

_BESIDE = "attributes"


@dataclass(frozen=True)
class Accepted:
    """What a chunk brings to the lake: rows of its table, events taken back, attributes."""

    rows: pa.RecordBatch
    removed: pa.RecordBatch
    attributes: pa.RecordBatch | None


@dataclass
class Checker:
    """Checks the chunks of one source in order.

    Attributes
    ----------
    mapping
        How the source becomes canonical.
    context
        Arrival and the company's currency.
    quarantine
        Takes the refused rows.
    read_count
        Rows seen, lines that are no rows included, blank lines not.
    notes
        Counts of what was put right or left out without harm.
    """

    mapping: Mapping
    context: CheckContext
    quarantine: Quarantine
    read_count: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    _keys: KeyIndex = field(init=False)

    def __post_init__(self) -> None:
        self._keys = self._no_keys()

    def check(self, chunk: Chunk) -> Accepted:
        """Check one chunk; its refused rows are written to the quarantine."""
        self.read_count += chunk.rows.num_rows + len(chunk.broken)
        self.notes.update(chunk.notes)
        chunk = self._kept(chunk)
        faults = Faults(chunk.rows.num_rows)
        done = Conversion(chunk.rows, self.mapping.options, faults, self.notes)
        for spec in _currency_first(self.mapping.columns):
            done.convert(spec)
        self._derive_kind(done)
        self._stamp(done)
        check_rows(self.mapping.table, done.columns, faults, context=self.context)
        check_deals(self.mapping.table, done.columns, faults)
        deleted = faults.good & self._deleted(done)
        content = {**done.columns, **_attributes(self.mapping, done)}
        keep = self._first_of_each_key(content, faults, deleted=deleted)
        self.quarantine.add_broken(chunk.broken)
        self.quarantine.add_rows(chunk, faults)
        rows = _batch(done.columns, keep)
        self.notes["close_date_far"] += count_far_closes(self.mapping.table, rows)
        attributes = build_attributes(self.mapping, chunk, rows=rows, keep=keep, notes=self.notes)
        return Accepted(rows, _batch(done.columns, deleted), attributes)

    @property
    def kept_count(self) -> int:
        """Rows seen that the mapping's ``keep`` wants, lines that are no rows included."""
        return self.read_count - self.notes["not_kept"]

    def forget_keys(self) -> None:
        """Free the memory of the keys seen; nothing can be checked after."""
        self._keys = self._no_keys()

    def _no_keys(self) -> KeyIndex:
        return KeyIndex(self.mapping.table, beside=(_BESIDE,) if self.mapping.attributes else ())

    def _kept(self, chunk: Chunk) -> Chunk:
        """Return the chunk without the rows that the mapping does not want."""
        if not self.mapping.keep:
            return chunk
        raw = Conversion(chunk.rows, self.mapping.options, Faults(chunk.rows.num_rows))
        wanted = np.all([raw.rows_where(test) for test in self.mapping.keep], axis=0)
        self.notes["not_kept"] += int((~wanted).sum())
        rows = chunk.rows.filter(pa.array(wanted, pa.bool_()))
        return replace(chunk, rows=rows, lines=chunk.lines[wanted])

    def _derive_kind(self, done: Conversion) -> None:
        """Fill the kind of an order from its amount's sign, where the mapping says so."""
        for spec in self.mapping.columns:
            if spec.sign_of is not None:
                amount = done.columns[spec.sign_of]
                kind = pc.if_else(
                    pc.greater(amount, 0),
                    "sale",
                    pc.if_else(pc.less(amount, 0), "credit", "adjustment"),
                )
                done.columns[spec.column.name] = kind.cast(pa.string())

    def _stamp(self, done: Conversion) -> None:
        """Add ``known_at`` and ``known_source``."""
        known, size = self.mapping.known_at, done.rows.num_rows
        if known.spec is not None:
            done.convert(known.spec)
        elif known.from_event_clock:
            done.columns["known_at"] = done.columns[str(self.mapping.table.event_clock)]
        else:
            done.columns["known_at"] = pa.repeat(pa.scalar(self.context.arrived_at, INSTANT), size)
        if known.delay:
            delay = pa.scalar(known.delay, pa.duration("us"))
            done.columns["known_at"] = pc.add(done.columns["known_at"], delay)
        done.columns["known_source"] = pa.repeat(pa.scalar(known.known_source), size)

    def _deleted(self, done: Conversion) -> Flags:
        """Tell the rows that take an event back, shape (n,)."""
        deleted = self.mapping.deleted
        if deleted is None:
            return np.zeros(done.rows.num_rows, dtype=bool)
        return done.rows_where(deleted)

    def _first_of_each_key(
        self, columns: dict[str, pa.Array], faults: Faults, *, deleted: Flags
    ) -> Flags:
        """Return the rows to keep; a repeated key with another content is a fault."""
        good = faults.good & ~deleted
        rows = _batch(_complete(self.mapping, columns, len(good)), good)
        repeats = self._keys.add(rows)
        self.notes["identical_duplicate"] += int(repeats.identical.sum())
        places = np.flatnonzero(good)
        different = np.zeros(len(good), dtype=bool)
        different[places[repeats.different]] = True
        faults.add("key_repeated", self.mapping.table.key[0], different)
        keep = faults.good & ~deleted
        keep[places[repeats.identical]] = False
        return keep


def _currency_first(specs: tuple[ColumnSpec, ...]) -> list[ColumnSpec]:
    """Money needs its currency's digits; a kind taken from a sign has no source of its own."""
    own = [spec for spec in specs if spec.sign_of is None]
    return sorted(own, key=lambda spec: spec.column.name != "currency")


def _attributes(mapping: Mapping, done: Conversion) -> dict[str, pa.Array]:
    """Return all attributes of each row as one text, so that rows differ by them too."""
    names = mapping.attribute_columns(tuple(done.rows.column_names))
    if not names:
        return {_BESIDE: pa.nulls(done.rows.num_rows, pa.string())} if mapping.attributes else {}
    texts = [as_text(done.source(name)) for name in names]
    joined = pc.binary_join_element_wise(
        *texts, "\x1f", null_handling="replace", null_replacement="\x1e"
    )
    return {_BESIDE: joined}


def _complete(mapping: Mapping, columns: dict[str, pa.Array], rows: int) -> dict[str, pa.Array]:
    """Add the table's absent columns as nulls, so that every row has the same columns."""
    absent = [name for name in mapping.table.names if name not in columns]
    return {**columns, **{name: pa.nulls(rows, pa.string()) for name in absent}}


def _batch(columns: dict[str, pa.Array], keep: Flags) -> pa.RecordBatch:
    rows = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return rows if keep.all() else rows.filter(pa.array(keep))
