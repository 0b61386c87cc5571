"""One source column becomes one canonical column; what does not fit is noted as a fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.dates import read_days, read_instants
from lifecycle.checks.numbers import LARGEST_WHOLE, Numbers, read_numbers, to_minor
from lifecycle.checks.rules import Faults
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.sources.mapping import ColumnSpec, SourceOptions

LONGEST_TEXT = 200
_JOIN = ":"
_TRUE = ["true", "t", "yes", "y", "1"]
_FALSE = ["false", "f", "no", "n", "0"]


@dataclass
class Conversion:
    """A chunk on its way to canonical columns.

    Attributes
    ----------
    rows
        The source's columns.
    options
        How the source writes absent values and decimals.
    faults
        Filled on the way.
    notes
        Counts of what was put right.
    columns
        Canonical columns done so far, null where the source has none or a fault was found.
    """

    rows: pa.Table
    options: SourceOptions
    faults: Faults
    notes: Counter[str] = field(default_factory=Counter)
    columns: dict[str, pa.Array] = field(default_factory=dict)

    def convert(self, spec: ColumnSpec) -> None:
        """Add one canonical column; money needs the currency column before it."""
        raw = self._raw(spec)
        kind, name = spec.column.type, spec.column.name
        if kind == "string":
            self.columns[name] = self._text(raw, spec)
        elif kind in {"timestamp", "date"}:
            self.columns[name] = self._instant(raw, spec)
        elif kind == "bool":
            self.columns[name] = self._flag(raw, spec)
        else:
            self.columns[name] = self._number(raw, spec)

    def _raw(self, spec: ColumnSpec) -> pa.Array:
        """Return the source's values, absent ones null, the value map and default applied."""
        if spec.value is not None:
            return pa.repeat(pa.scalar(spec.value), self.rows.num_rows)
        arrays = [self.source(name) for name in spec.sources]
        if len(arrays) > 1:
            texts = [as_text(array) for array in arrays]
            return pc.binary_join_element_wise(*texts, _JOIN, null_handling="emit_null")
        raw = arrays[0]
        if spec.values is None and spec.default is None and spec.column.type != "string":
            return raw
        text = as_text(raw)
        if spec.values is not None:
            text = self._mapped(text, spec)
        return text if spec.default is None else text.fill_null(spec.default)

    def source(self, name: str) -> pa.Array:
        """Return a source column, text without blanks around it, absent values null."""
        column = self.rows.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else column.chunk(0)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_large_string(column.type):
            column = column.cast(pa.string())
        if not pa.types.is_string(column.type):
            return column
        column = pc.utf8_trim_whitespace(column)
        absent = pc.is_in(column, value_set=pa.array(self.options.null_values, pa.string()))
        return pc.if_else(absent, pa.scalar(None, pa.string()), column)

    def _mapped(self, text: pa.Array, spec: ColumnSpec) -> pa.Array:
        values = spec.values or {}
        places = pc.index_in(text, value_set=pa.array(list(values), pa.string()))
        mapped = pa.array(list(values.values()), pa.string()).take(places)
        if spec.default is None:
            unmapped = pc.and_(text.is_valid(), pc.is_null(places))
            self._fault("value_unmapped", spec, unmapped)
        return mapped

    def _text(self, raw: pa.Array, spec: ColumnSpec) -> pa.Array:
        text = as_text(raw)
        if spec.column.unit != "id":
            too_long = pc.greater(pc.utf8_length(text), LONGEST_TEXT)
            self._fault("text_too_long", spec, too_long)
        return text

    def _instant(self, raw: pa.Array, spec: ColumnSpec) -> pa.Array:
        read = read_days if spec.column.type == "date" else read_instants
        if not (pa.types.is_temporal(raw.type) or pa.types.is_string(raw.type)):
            raw = as_text(raw)
        instants = read(raw, spec.formats, spec.zone)
        self.faults.add("not_a_date", spec.column.name, instants.unread)
        self.faults.add("ambiguous_date", spec.column.name, instants.ambiguous)
        return instants.values

    def _flag(self, raw: pa.Array, spec: ColumnSpec) -> pa.Array:
        if pa.types.is_boolean(raw.type):
            return raw
        text = pc.utf8_lower(as_text(raw))
        yes = pc.is_in(text, value_set=pa.array(_TRUE))
        no = pc.is_in(text, value_set=pa.array(_FALSE))
        self._fault("not_a_flag", spec, pc.and_(text.is_valid(), pc.invert(pc.or_(yes, no))))
        return pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))

    def _number(self, raw: pa.Array, spec: ColumnSpec) -> pa.Array:
        name = spec.column.name
        numbers = read_numbers(raw, decimal_comma=self.options.decimal_comma)
        self.faults.add("not_a_number", name, numbers.unread)
        self.faults.add("not_finite", name, numbers.not_finite)
        absent = ~numbers.present
        if spec.column.unit == "minor":
            return self._money(numbers, spec)
        if spec.column.type == "float64":
            return pa.array(numbers.values, pa.float64(), mask=absent)
        whole = np.where(numbers.present, numbers.values, 0.0)
        self.faults.add("not_whole", name, whole != np.rint(whole))
        self.faults.add("out_of_range", name, np.abs(whole) > LARGEST_WHOLE)
        safe = np.where(np.abs(whole) > LARGEST_WHOLE, 0, whole)
        return pa.array(np.rint(safe).astype(np.int64), pa.int64(), mask=absent)

    def _money(self, numbers: Numbers, spec: ColumnSpec) -> pa.Array:
        digits = self._digits() if spec.is_major else np.zeros(self.rows.num_rows, dtype=np.int64)
        money = to_minor(numbers, digits)
        self.faults.add("out_of_range", spec.column.name, money.out_of_range)
        self.notes["money_rounded"] += int(money.rounded.sum())
        return pa.array(money.minor, pa.int64(), mask=~numbers.present)

    def _digits(self) -> npt.NDArray[np.int64]:
        """Digits of the minor unit per row; an unknown currency is a fault of its own."""
        encoded = self.columns["currency"].dictionary_encode()
        known = [MINOR_DIGITS.get(code or "", 2) for code in encoded.dictionary.to_pylist()]
        places = encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(np.array(known, dtype=np.int64), 2)[places])

    def _fault(self, rule: str, spec: ColumnSpec, broken: pa.Array) -> None:
        flags = pc.fill_null(broken, False).to_numpy(zero_copy_only=False)
        self.faults.add(rule, spec.column.name, flags)


def as_text(raw: pa.Array) -> pa.Array:
    """Return a column as text; ids that came as floats (12345.0) lose their point.

    Examples
    --------
    >>> as_text(pa.array([12345.0, None])).to_pylist()
    ['12345', None]
    """
    if pa.types.is_string(raw.type):
        return raw
    if pa.types.is_floating(raw.type):
        values = raw.to_numpy(zero_copy_only=False)
        known = np.isfinite(values)
        whole = known & (values == np.rint(np.where(known, values, 0)))
        if (whole | ~known).all() and (np.abs(values[whole]) < LARGEST_WHOLE).all():
            return pa.array(np.where(whole, values, 0).astype(np.int64), mask=~whole).cast(
                pa.string()
            )
        return pc.if_else(pa.array(~np.isnan(values)), raw.cast(pa.string()), None)
    if pa.types.is_nested(raw.type) or pa.types.is_binary(raw.type):
        return pa.array([None if value is None else str(value) for value in raw.to_pylist()])
    return raw.cast(pa.string()) if raw.type != pa.null() else pa.nulls(len(raw), pa.string())
