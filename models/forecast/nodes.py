"""Nodes of the tree: the total, and every value of every dimension; sums of units by node.

Within one dimension each unit (a deal, a contract, an account) lies in exactly one node, so each
dimension adds up to the total. A unit that says nothing of a dimension lies in its ``unassigned``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TOTAL = "total"
UNASSIGNED = "unassigned"
DIMENSIONS = ("segment", "region", "team", "owner", "product")


@dataclass(frozen=True)
class Nodes:
    """Which node each unit lies in.

    Parameters
    ----------
    names
        ``total`` first, then ``<dimension>=<value>``, dimension by dimension, values in order.
    places
        (units, dimensions): each unit's row in ``names`` for each dimension.
    """

    names: tuple[str, ...]
    places: IntArray

    def sum(self, values: FloatArray) -> FloatArray:
        """Return sums by node, shape (nodes, ...), of values of shape (units, ...)."""
        found = np.zeros((len(self.names), *values.shape[1:]))
        found[0] = values.sum(axis=0)
        for column in self.places.T:
            order = np.argsort(column, kind="stable")
            ordered = column[order]
            starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
            if len(starts):
                found[ordered[starts]] = np.add.reduceat(values[order], starts, axis=0)
        return found


def build_nodes(
    units: Mapping[str, Sequence[str | None]], *, among: Sequence[str] | None = None
) -> Nodes:
    """Lay out the nodes of units.

    Parameters
    ----------
    units
        By dimension, each unit's value; None = not known.
    among
        Names of nodes to use, in that order (those of another target or origin); a value outside
        of them counts as unassigned. Without, the values that the units have.

    Examples
    --------
    >>> found = build_nodes({"segment": ["smb", "mid", None]})
    >>> found.names
    ('total', 'segment=mid', 'segment=smb', 'segment=unassigned')
    >>> found.sum(np.array([1.0, 2.0, 4.0])).tolist()
    [7.0, 2.0, 1.0, 4.0]
    """
    named = {
        dimension: [f"{dimension}={value or UNASSIGNED}" for value in values]
        for dimension, values in units.items()
    }
    if among is None:
        names = (TOTAL, *(name for values in named.values() for name in sorted(set(values))))
    else:
        names = tuple(among)
    row = {name: place for place, name in enumerate(names)}
    columns = [
        [row.get(name, row.get(f"{dimension}={UNASSIGNED}", -1)) for name in values]
        for dimension, values in named.items()
    ]
    if columns and min(map(min, (one for one in columns if one)), default=0) < 0:
        raise ValueError("a unit lies in no node: name an unassigned node of each dimension")
    count = len(next(iter(units.values()), []))
    places = np.array(columns, dtype=np.int64).reshape(len(columns), count).T
    return Nodes(names, places)


def common_names(*trees: Sequence[str]) -> tuple[str, ...]:
    """Return the names of several trees together: the total first, each dimension in order."""
    every = {name for names in trees for name in names} - {TOTAL}
    rank = {dimension: place for place, dimension in enumerate(DIMENSIONS)}
    return (TOTAL, *sorted(every, key=lambda n: (rank.get(n.split("=", 1)[0], len(rank)), n)))


def dimension_of(node: str) -> str:
    """Return the dimension of a node; the total's is ``total``."""
    return node.split("=", 1)[0]
