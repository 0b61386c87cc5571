"""Tombstones: events that the source took back, void from then on and still there before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lifecycle.fingerprints import Fingerprints, Hashes, Micros, known_micros, row_hashes
from lifecycle.tables.arrow import arrow_schema
from lifecycle.tables.catalog import SUPERSEDED
from lifecycle.tables.declare import Table

_NEVER = np.iinfo(np.int64).min


def read_voided(files: Sequence[str], table: Table) -> Fingerprints:
    """Return keys of a table that are in `superseded`, and since when."""
    parts = []
    for file in files:
        with pq.ParquetFile(file) as parquet:
            rows = parquet.read(columns=["table_name", "key", "known_at"])
        rows = rows.filter(pc.equal(rows.column("table_name"), table.name))
        keys = row_hashes(rows, ("key",))
        parts.append(Fingerprints(keys, keys, known_micros(rows)))
    return Fingerprints.join(parts)


def build_tombstones(
    table: Table,
    rows: pa.Table,
    *,
    held: Fingerprints,
    voided: Fingerprints,
    arrived_at: datetime,
) -> pa.RecordBatch:
    """Return the rows of `superseded` that make the given events void.

    A key that is not held, or is void already, needs none. The tombstone is known from its recorded
    ``known_at`` if that is later than the event it takes back, else from its arrival.

    Parameters
    ----------
    rows
        Key, ``known_at``, ``known_source`` and ``batch_id`` of the events taken back.
    held
        Versions of these keys in the lake and in the batch itself.
    voided
        From when on which keys are void.
    """
    keys, known = row_hashes(rows, table.key), known_micros(rows)
    latest, void = _latest(held, keys), _latest(voided, keys)
    first = np.zeros(len(keys), dtype=bool)
    first[np.unique(keys, return_index=True)[1]] = True
    needed = first & (latest != _NEVER) & (void <= latest)
    recorded = rows.column("known_source").to_numpy(zero_copy_only=False) == "recorded"
    arrived = int(arrived_at.timestamp() * 1_000_000)
    as_said = recorded & (known > latest)
    stamped = np.where(as_said, known, np.maximum(arrived, latest + 1))
    schema = arrow_schema(SUPERSEDED)
    built = pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(table.name), len(keys)),
            rows.column(table.key[0]).combine_chunks(),
            pa.array(stamped, pa.int64()).cast(schema.field("known_at").type),
            pa.array(np.where(as_said, "recorded", "arrival"), pa.string()),
            rows.column("batch_id").combine_chunks(),
        ],
        schema=schema,
    )
    return built.filter(pa.array(needed))


def _latest(prints: Fingerprints, keys: Hashes) -> Micros:
    """Return the latest ``known_at`` of each key, or the smallest number if it has none."""
    none = np.full(len(keys), _NEVER)
    if not len(prints.keys):
        return none
    order = np.lexsort((prints.known, prints.keys))
    sorted_keys = prints.keys[order]
    place = np.searchsorted(sorted_keys, keys, side="right") - 1
    found = (place >= 0) & (sorted_keys[place] == keys)
    return np.where(found, prints.known[order][place], none)
