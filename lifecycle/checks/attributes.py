"""The columns of a wide table that have no canonical column, kept as attributes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lifecycle.checks.bounds import EMAIL_LIKE, LONGEST_TEXT
from lifecycle.checks.columns import as_text
from lifecycle.checks.numbers import read_numbers
from lifecycle.sources.chunk import Chunk
from lifecycle.sources.mapping import ATTRIBUTE_ENTITIES, Mapping
from lifecycle.tables.customers import ATTRIBUTES


def build_attributes(
    mapping: Mapping,
    chunk: Chunk,
    *,
    rows: pa.RecordBatch,
    keep: npt.NDArray[np.bool_],
    notes: Counter[str],
) -> pa.RecordBatch | None:
    """Return the attributes of the accepted rows, or ``None`` if the mapping wants none.

    A value is kept as a number when it reads as one, else as text; absent values are left out, and
    so are values that look like an e-mail address (counted in ``notes``).

    Parameters
    ----------
    rows
        Canonical rows accepted from the chunk: where ``keep`` holds, in order.
    """
    names = mapping.attribute_columns(tuple(chunk.rows.column_names))
    if not names:
        return None
    raw = chunk.rows.select(list(names)).filter(pa.array(keep))
    parts = [_one(mapping, raw, name, rows=rows, notes=notes) for name in names]
    return pa.concat_batches(parts)


def _one(
    mapping: Mapping, raw: pa.Table, name: str, *, rows: pa.RecordBatch, notes: Counter[str]
) -> pa.RecordBatch:
    column = pa.concat_arrays([pa.array([], raw.column(name).type), *raw.column(name).chunks])
    text = pc.utf8_trim_whitespace(as_text(column))
    given = pc.and_(
        text.is_valid(),
        pc.invert(pc.is_in(text, value_set=pa.array(mapping.options.null_values, pa.string()))),
    )
    contact = pc.and_(given, pc.fill_null(pc.match_substring_regex(text, EMAIL_LIKE), False))
    long = pc.and_(given, pc.fill_null(pc.greater(pc.utf8_length(text), LONGEST_TEXT), False))
    notes["attribute_contact_like"] += pc.sum(contact).as_py() or 0
    notes["attribute_too_long"] += pc.sum(long).as_py() or 0
    numbers = read_numbers(text, decimal_comma=mapping.options.decimal_comma)
    size = rows.num_rows
    table = mapping.table
    built = pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(ATTRIBUTE_ENTITIES[table.name]), size),
            rows.column(table.key[0]),
            pa.repeat(pa.scalar(name[:LONGEST_TEXT]), size),
            pa.array(numbers.values, pa.float64(), mask=~numbers.present),
            pc.if_else(pa.array(numbers.present), pa.scalar(None, pa.string()), text),
            _known(mapping, name, rows),
            rows.column("known_at"),
            rows.column("known_source"),
        ],
        names=[*ATTRIBUTES.names, "known_at", "known_source"],
    )
    return built.filter(pc.and_(given, pc.invert(pc.or_(contact, long))))


def _known(mapping: Mapping, name: str, rows: pa.RecordBatch) -> pa.Array:
    """Return when the values were known, as the mapping says; null = by their ``known_at``.

    A deal that arrives already won or lost, without a word on when its values were known, has
    values of unknown age: they may have been written at its end.
    """
    told = mapping.attributes_known.get(name, mapping.attributes_known.get("*"))
    if told is not None:
        return pa.repeat(pa.scalar(told), rows.num_rows)
    nobody_knows = pa.array(np.zeros(rows.num_rows, dtype=bool))
    if mapping.known_at.known_source == "arrival" and "outcome" in rows.schema.names:
        nobody_knows = pc.is_in(rows.column("outcome"), value_set=pa.array(["won", "lost"]))
    return pc.if_else(nobody_knows, "unknown", pa.scalar(None, pa.string()))
