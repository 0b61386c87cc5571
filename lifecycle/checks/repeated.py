"""Keys that come twice in one batch, found while streaming, in 16 bytes a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lifecycle.checks.rules import Flags
from lifecycle.fingerprints import Hashes, row_hashes
from lifecycle.tables.declare import Table


@dataclass(frozen=True)
class Repeats:
    """Which rows repeat an earlier row's key: with the same content, or with another."""

    identical: Flags
    different: Flags


class KeyIndex:
    """The keys of a batch seen so far; of an entity, key and ``known_at`` together.

    Parameters
    ----------
    table
        Whose rows they are.
    beside
        Further columns of the rows whose content counts: attributes of a wide table.
    """

    def __init__(self, table: Table, beside: tuple[str, ...] = ()) -> None:
        self._key = table.key if table.kind == "event" else (*table.key, "known_at")
        self._content = (*table.names, *beside)
        self._keys: Hashes = np.empty(0, dtype=np.uint64)
        self._contents: Hashes = np.empty(0, dtype=np.uint64)

    def add(self, rows: pa.RecordBatch) -> Repeats:
        """Compare rows with those before them, then remember them; the first of a key counts."""
        keys, contents = row_hashes(rows, self._key), row_hashes(rows, self._content)
        unique, first, group = np.unique(keys, return_index=True, return_inverse=True)
        firsts = contents[first]
        place = np.searchsorted(self._keys, unique)
        held = np.zeros(len(unique), dtype=bool)
        inside = place < len(self._keys)
        held[inside] = self._keys[place[inside]] == unique[inside]
        firsts[held] = self._contents[place[held]]
        repeated = np.ones(len(keys), dtype=bool)
        repeated[first[~held]] = False
        same = contents == firsts[group]
        self._keys = np.insert(self._keys, place[~held], unique[~held])
        self._contents = np.insert(self._contents, place[~held], firsts[~held])
        return Repeats(identical=repeated & same, different=repeated & ~same)
