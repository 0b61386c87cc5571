"""Merges that name accounts of which nothing else is known: taken, but told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

NAMING = ("accounts", "subscriptions", "orders")
"""Tables whose rows make an account known."""
_SIDES = ("account_id", "into_account_id")


def count_unknown_merges(files: Callable[[str], Sequence[str]], batch_id: str) -> int:
    """Count a batch's merges that name an account which no other fact names.

    Such a merge is kept: the facts may come later, and until then it moves nothing.

    Parameters
    ----------
    files
        From a table to its Parquet files in the lake, the batch's own among them.
    batch_id
        The batch that brought merges.
    """
    parts = [pq.read_table(path, columns=[*_SIDES, "batch_id"]) for path in files("account_merges")]
    if not parts:
        return 0
    merges = pa.concat_tables(parts)
    merges = merges.filter(pc.equal(merges["batch_id"], batch_id))
    named = pa.concat_arrays([merges[side].combine_chunks() for side in _SIDES]).unique()
    found = _known_of(named, files)
    both = pc.and_(*(pc.is_in(merges[side], value_set=found) for side in _SIDES))
    return int(pc.sum(pc.invert(both)).as_py() or 0)


def _known_of(named: pa.Array, files: Callable[[str], Sequence[str]]) -> pa.Array:
    """Return the ids that some fact names, reading no more than one column at a time."""
    known = pa.array([], named.type)
    for path in (path for table in NAMING for path in files(table)):
        with pq.ParquetFile(path) as parquet:
            for rows in parquet.iter_batches(columns=["account_id"]):
                hits = rows.column("account_id")
                hits = hits.filter(pc.is_in(hits, value_set=named)).unique()
                known = pa.concat_arrays([known, hits.cast(named.type)]).unique()
    return known
