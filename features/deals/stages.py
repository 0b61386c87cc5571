"""What a stage's name means: our name for it, its place in the order, and whether it is an end.

A stage map is a definition, not a fact about a deal: it is read as it stands on the snapshot's
day, and its effective dates say what a name meant on the day it was written down. A renamed stage
thus keeps one name for its whole history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.days import Floats, Ints
from features.deals.streams import Edits, last_seen
from lifecycle.snapshot import Snapshot

UNMAPPED = "(unmapped)"
"""Our name of a stage that the map does not know; it has no place in the order."""

_EPOCH_ORDINAL = 719_163


@dataclass(frozen=True)
class StageMap:
    """Our stages, and how the source's names turn into them.

    Attributes
    ----------
    names
        Canonical names by code; without a map the source's own, in alphabetical order.
    position
        Place in the order from 0, shape (k,); NaN where there is none.
    win_share
        The source's own stage probability, shape (k,); NaN where it has none.
    is_won, is_lost
        The ends, shape (k,).
    spans
        Source's name to ``(first day, first day after, code)``; empty without a map.
    """

    names: tuple[str, ...]
    position: Floats
    win_share: Floats
    is_won: npt.NDArray[np.bool_]
    is_lost: npt.NDArray[np.bool_]
    spans: Mapping[str, tuple[tuple[float, float, int], ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, snapshot: Snapshot) -> StageMap:
        """Read the map as it stands on the snapshot's day; without rows it is empty.

        Raises
        ------
        LakeError
            The lake's files cannot be read.
        """
        rows = snapshot.collect(snapshot.table("stage_maps")).to_pylist()
        rows.sort(key=lambda row: (row["effective_from"], row["pipeline"], row["source_stage"]))
        ours = {row["stage"]: row for row in rows}  # the latest meaning of each of our names
        names = sorted(ours, key=lambda name: (ours[name]["position"], name))
        if not names:
            return cls.without_map(())
        spans: dict[str, tuple[tuple[float, float, int], ...]] = {}
        for row in rows:
            span = (_day(row["effective_from"]), _day(row["effective_to"]),
                    names.index(row["stage"]))  # fmt: skip
            spans[row["source_stage"]] = (*spans.get(row["source_stage"], ()), span)
        shares = [ours[name]["win_share"] for name in names]
        return cls(
            (*names, UNMAPPED),
            np.array([*(float(ours[name]["position"]) for name in names), np.nan]),
            np.array([*(np.nan if share is None else share for share in shares), np.nan]),
            np.array([*(bool(ours[name]["is_won"]) for name in names), False]),
            np.array([*(bool(ours[name]["is_lost"]) for name in names), False]),
            spans,
        )

    @classmethod
    def without_map(cls, names: tuple[str, ...]) -> StageMap:
        """Take the source's names as ours; their order is learned, see :class:`StageOrder`."""
        none, no = np.full(len(names), np.nan), np.zeros(len(names), np.bool_)
        return cls(names, none, none, no, no)

    def canonical(self, source_stage: str, day: float) -> str:
        """Return our name of a stage as written down on a day (number since 1970-01-01)."""
        code = self.codes(pa.array([source_stage]), np.array([day]))[0]
        return self.names[int(code)]

    def codes(self, source: pa.Array, known: Floats, happened: Floats | None = None) -> Floats:
        """Return our codes of stages as the source wrote them.

        Parameters
        ----------
        source
            The source's names, length n.
        known
            When they were written down (days), shape (n,): what the name meant then counts.
        happened
            When they are said to have happened, shape (n,); tried where the map does not reach
            back to ``known``, as with a history that was loaded later.

        Returns
        -------
        ndarray of shape (n,)
            Codes; NaN where the name is null, that of :data:`UNMAPPED` where nobody maps it.
        """
        if not self.spans:
            places = pc.index_in(source, value_set=pa.array(self.names, pa.string()))
            return _codes(places)
        encoded = source.dictionary_encode()
        places = _codes(encoded.indices)
        found = np.where(np.isnan(places), np.nan, len(self.names) - 1.0)
        for clock in (known if happened is None else happened, known):  # the later one's stands
            for place, name in enumerate(encoded.dictionary.to_pylist()):
                for first, end, code in self.spans.get(name, ()):
                    found[(places == place) & (clock >= first) & (clock < end)] = code
        return found


def _codes(places: pa.Array) -> Floats:
    return np.asarray(places.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _day(day: object) -> float:
    """Return a date as a day number; null is the end of time."""
    return np.inf if day is None else float(day.toordinal() - _EPOCH_ORDINAL)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class StageOrder:
    """The order of stages without a map, as the deals seen by each day tell it.

    A stage's place follows the mean number of other stages that a deal had seen before it came
    there for the first time.

    Attributes
    ----------
    days
        Days on which something new was seen, ascending, shape (g,).
    positions
        Places from 0 by day and stage, shape (g + 1, k); row 0 before anything was seen; NaN
        for a stage that nobody had seen.
    """

    days: Ints
    positions: Floats

    def of(self, codes: Floats, days: Ints) -> Floats:
        """Return the places of stages as known on days, shape (n,); NaN where undefined."""
        known = ~np.isnan(codes)
        if not known.any():  # a table that names no stage at all has no places either
            return np.full(len(codes), np.nan)
        row = np.searchsorted(self.days, days, side="right")
        found = self.positions[row, np.where(known, codes, 0).astype(np.int64)]
        return np.where(known, found, np.nan)


def learn_stage_order(stages: Edits, story_deal: Ints, story_from: Ints, count: int) -> StageOrder:
    """Learn the stages' order, day by day, from the stages that deals came through.

    Parameters
    ----------
    stages
        The stream of canonical stages.
    story_deal, story_from
        Deal and first day of each story, so that a deal told anew is not counted twice.
    count
        How many stages there are.
    """
    pair = stages.story * (count + 1) + stages.value.astype(np.int64)
    _, first = np.unique(pair, return_index=True)
    first.sort()
    story, seen = stages.story[first], stages.seen[first]
    ordinal = np.arange(len(first)) - np.searchsorted(story, story)
    own = last_seen(story_deal, story_from, story_deal[story], seen) == story
    days, row = np.unique(seen[own], return_inverse=True)
    code = stages.value[first][own].astype(np.int64)
    sums, counts = (np.zeros((len(days) + 1, count)) for _ in range(2))
    np.add.at(sums, (row + 1, code), ordinal[own])
    np.add.at(counts, (row + 1, code), 1)
    sums, counts = sums.cumsum(axis=0), counts.cumsum(axis=0)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    ranks = np.argsort(np.argsort(mean, axis=1, kind="stable"), axis=1, kind="stable")
    return StageOrder(days, np.where(counts > 0, ranks, np.nan).astype(np.float64))
