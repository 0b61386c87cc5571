"""An event log of a sales process (case, activity, lifecycle, resource, instant), coded."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
OTHER, NOBODY = "(other)", "(nobody)"
"""Texts of a rare level, and of an event without resource."""


@dataclass(frozen=True)
class EventLog:
    """Events of all cases, sorted by case and place in the case.

    Attributes
    ----------
    cases
        Shape (c,), case ids, sorted.
    case
        Shape (n,), place of each event's case in ``cases``.
    activity, resource
        Shape (n,), codes into ``activities`` and ``resources``.
    at
        Shape (n,), seconds since 1970-01-01 UTC.
    wall
        Shape (n,), the same instants as the company's clock shows them, in seconds.
    """

    cases: NDArray[np.str_]
    case: IntArray
    activity: IntArray
    resource: IntArray
    at: FloatArray
    wall: FloatArray
    activities: tuple[str, ...]
    resources: tuple[str, ...]

    @property
    def first(self) -> IntArray:
        """Shape (n,): where the case of each event begins."""
        begins = np.flatnonzero(np.diff(self.case, prepend=-1))
        return np.asarray(begins[self.case], dtype=np.intp)


def read_event_log(events: pa.Table, *, zone: ZoneInfo, fewest: int = 10) -> EventLog:
    """Code an event log.

    Parameters
    ----------
    events
        ``case_id``, ``activity``, ``lifecycle``, ``resource`` (null: nobody), ``timestamp`` (UTC)
        and ``seq`` (the event's place in its case). An activity's name is both of its parts.
    zone
        The company's zone: hours and weekdays are read on its clock.
    fewest
        A level that occurs less often than this in the whole log becomes ``OTHER``.
    """
    events = events.sort_by([("case_id", "ascending"), ("seq", "ascending")])
    cases = events.column("case_id").combine_chunks().dictionary_encode()
    names = np.array([str(one) for one in cases.dictionary.to_pylist()])
    parts = [events.column(one).cast(pa.string()) for one in ("activity", "lifecycle")]
    named = pc.binary_join_element_wise(*parts, "-")
    activity, activities = _code(named, fewest)
    resource, resources = _code(
        pc.fill_null(events.column("resource").cast(pa.string()), NOBODY), fewest
    )
    stamps = events.column("timestamp").cast(pa.timestamp("us", tz="UTC"))
    local = pc.local_timestamp(stamps.cast(pa.timestamp("us", tz=str(zone))))
    at, wall = (
        np.asarray(one.cast(pa.int64()).to_numpy(), dtype=np.float64) / 1e6
        for one in (stamps, local)
    )
    place = np.asarray(cases.indices.to_numpy(), dtype=np.intp)
    return EventLog(names, place, activity, resource, at, wall, activities, resources)


def _code(texts: pa.ChunkedArray, fewest: int) -> tuple[IntArray, tuple[str, ...]]:
    values = np.array([str(one) for one in texts.to_pylist()])
    levels, counts = np.unique(values, return_counts=True)
    kept = levels[counts >= fewest]
    words = (*(str(one) for one in kept), OTHER)
    place = np.minimum(np.searchsorted(kept, values), max(len(kept) - 1, 0))
    known = kept[place] == values if len(kept) else np.zeros(len(values), dtype=bool)
    return np.where(known, place, len(kept)).astype(np.intp), words
