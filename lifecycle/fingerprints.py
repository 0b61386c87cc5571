"""Rows as 64-bit numbers, so that millions of keys are compared in bounded memory.

Two of 10 million keys share a fingerprint with probability 3e-6 (birthday bound n²/2^65); such a
row is then taken for a repeated key and lands in the quarantine or is written with a needless
`superseded` row: seen, never lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Micros = npt.NDArray[np.int64]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xA24BAED4963EE407)


@dataclass(frozen=True)
class Fingerprints:
    """Rows of one table, in order.

    Attributes
    ----------
    keys
        Fingerprint of the natural key, shape (n,).
    contents
        Fingerprint of all declared columns, shape (n,).
    known
        ``known_at`` in microseconds since 1970 UTC, shape (n,).
    """

    keys: Hashes
    contents: Hashes
    known: Micros

    @classmethod
    def join(cls, parts: list[Fingerprints]) -> Fingerprints:
        """Put parts one behind the other."""
        empty = cls(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64))
        parts = parts or [empty]
        return cls(
            np.concatenate([part.keys for part in parts]),
            np.concatenate([part.contents for part in parts]),
            np.concatenate([part.known for part in parts]),
        )


def row_hashes(rows: pa.RecordBatch | pa.Table, columns: tuple[str, ...]) -> Hashes:
    """Return one fingerprint per row over the given columns, shape (n,).

    Equal rows have equal fingerprints within one process; nothing stores them.
    """
    total = np.full(rows.num_rows, _MIX, dtype=np.uint64)
    for name in columns:
        column = rows.column(name)
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        total = _mixed(total * np.uint64(31) + _column_hashes(column))
    return total


def known_micros(rows: pa.RecordBatch | pa.Table) -> Micros:
    """Return ``known_at`` as microseconds since 1970 UTC, shape (n,)."""
    column = rows.column("known_at").cast(pa.int64())
    return np.asarray(column.to_numpy() if isinstance(rows, pa.Table) else column)


def _column_hashes(column: pa.Array) -> Hashes:
    if pa.types.is_string(column.type):
        encoded = column.dictionary_encode()
        words = encoded.dictionary.to_numpy(zero_copy_only=False)
        hashed = pd.util.hash_array(words, categorize=False)
        codes = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(hashed, _NULL)[codes], dtype=np.uint64)
    if pa.types.is_boolean(column.type) or pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    if pa.types.is_timestamp(column.type) or pa.types.is_int32(column.type):
        column = column.cast(pa.int64())
    fill = 0.0 if pa.types.is_floating(column.type) else 0
    values = column.fill_null(fill).to_numpy(zero_copy_only=False)
    # adding zero turns -0.0 into 0.0: equal numbers must have equal bits
    bits = (values + 0.0).view(np.uint64) if values.dtype.kind == "f" else values.view(np.uint64)
    hashed = _mixed(bits + _MIX)
    if column.null_count:
        hashed[column.is_null().to_numpy(zero_copy_only=False)] = _NULL
    return hashed


def _mixed(values: Hashes) -> Hashes:
    """Spread the bits (the finaliser of SplitMix64; Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
