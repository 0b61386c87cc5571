"""One source column becomes one canonical column; what does not fit is noted as a fault."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.bounds import FAR_DAYS, LARGEST_WHOLE, LONGEST_TEXT
from lifecycle.checks.dates import read_days, read_instants, with_far_days
from lifecycle.checks.numbers import Numbers, read_numbers, to_minor
from lifecycle.checks.rules import Faults, Flags
from lifecycle.currencies import MINOR_DIGITS
from lifecycle.sources.mapping import ColumnSpec, RowTest, SourceOptions

LONGEST_ID = 64
_JOIN = ":"
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.:-]")
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
        """Add one canonical column, or fill what an earlier way to fill it left empty.

        Money needs the currency column before it.
        """
        kind, name = spec.column.type, spec.column.name
        raw = self._raw(spec)
        if spec.when is not None:
            raw = _only(raw, self.rows_where(spec.when))
        if kind == "string":
            built = self._text(raw, spec)
        elif kind in {"timestamp", "date"}:
            built = self._instant(raw, spec)
        elif kind == "bool":
            built = self._flag(raw, spec)
        else:
            built = self._number(raw, spec)
        if name in self.columns:
            built = pc.coalesce(self.columns[name], built)
        self.columns[name] = built

    def rows_where(self, test: RowTest) -> Flags:
        """Tell the rows that a test means, shape (n,)."""
        text = as_text(self._joined(test.sources))
        hit = pc.is_in(text, value_set=pa.array(test.values, pa.string()))
        return np.asarray(hit.to_numpy(zero_copy_only=False))

    def _joined(self, names: tuple[str, ...]) -> pa.Array:
        arrays = [self.source(name) for name in names]
        if len(arrays) == 1:
            return arrays[0]
        texts = [as_text(array) for array in arrays]
        return pc.binary_join_element_wise(*texts, _JOIN, null_handling="emit_null")

    def _raw(self, spec: ColumnSpec) -> pa.Array:
        """Return the source's values, absent ones null, the value map and default applied."""
        if spec.value is not None:
            return pa.repeat(pa.scalar(spec.value), self.rows.num_rows)
        raw = self._joined(spec.sources)
        if spec.when is not None:
            # before the value map: what is not meant need not be named in it
            raw = _only(raw, self.rows_where(spec.when))
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
        text = as_ids(as_text(raw)) if spec.as_id else as_text(raw)
        if spec.column.unit != "id":
            too_long = pc.greater(pc.utf8_length(text), LONGEST_TEXT)
            self._fault("text_too_long", spec, too_long)
        return text

    def _instant(self, raw: pa.Array, spec: ColumnSpec) -> pa.Array:
        read = read_days if spec.column.type == "date" else read_instants
        if not (pa.types.is_temporal(raw.type) or pa.types.is_string(raw.type)):
            raw = as_text(raw)
        instants = read(raw, spec.formats, spec.zone)
        if spec.column.name in FAR_DAYS:
            instants = with_far_days(raw, instants, spec.formats)
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


def as_ids(text: pa.Array) -> pa.Array:
    """Return names as ids: blanks become ``_``; other signs too, with a mark that tells them apart.

    What holds an ``@`` stays as it is, so that the rule against addresses sees it.

    Examples
    --------
    >>> as_ids(pa.array(["Acme Corp", None])).to_pylist()
    ['Acme_Corp', None]
    """
    encoded = text.dictionary_encode()
    made = [_as_id(name) for name in encoded.dictionary.to_pylist()]
    return pa.array(made, pa.string()).take(encoded.indices)


def _as_id(name: str) -> str:
    if "@" in name:
        return name
    plain = _NOT_IN_IDS.sub("_", name)
    if plain == name.replace(" ", "_") and len(plain) <= LONGEST_ID:
        return plain
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{plain[: LONGEST_ID - 13]}_{mark}"


def _only(values: pa.Array, where: Flags) -> pa.Array:
    return pc.if_else(pa.array(where), values, pa.scalar(None, values.type))
