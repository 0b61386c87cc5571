"""Event logs of a sales process: one row per event, as the case stood right after it.

For a log (case, activity, lifecycle, resource, instant) instead of dated deal fields. The row of a
case's n-th event is its *prefix* of length n: it rests on that event and those before it, of all
cases, and on nothing that came later. Sources of the encodings: Teinemaa et al. 2019 (last state
and aggregation), Leontjeva et al. 2015 (index), Senderovich et al. 2017 (load between cases).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.deals.event_log import EventLog
from features.deals.prefix_order import last_places, running_counts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
HOUR, DAY, MICROSECONDS = 3600.0, 86400.0, 1e6
LAST_EVENTS = 3
LOAD_DAYS = (1, 7)
START = "(start)"
"""Text of the place before the first event."""


def build_prefixes(
    log: EventLog,
    *,
    amounts: Mapping[str, float] | None = None,
    asked: Sequence[str] | None = None,
    closing: Sequence[str] = (),
    longest: int = 40,
) -> pa.Table:
    """Build one row per event among the first ``longest`` of its case.

    Parameters
    ----------
    log
        The events of every case, also of those nobody asks about: they are the load.
    amounts
        Asked amount by case, in major units; a case without one has NaN.
    asked
        Cases that get rows; None for all.
    closing
        Activities with which a case is over, for the count of open cases.
    longest
        Longest prefix (events).

    Returns
    -------
    pyarrow.Table
        Keys ``case_id``, ``prefix_length`` and ``at`` (timestamp of the last event, UTC), then
        features: texts of the last events, and float64 columns (hours, counts), NaN where
        something has not happened yet.
    """
    length = np.arange(len(log.case)) - log.first + 1
    wanted = np.isin(log.cases, list(log.cases if asked is None else asked))
    rows = np.flatnonzero((length <= longest) & wanted[log.case])
    columns: dict[str, object] = {
        "case_id": log.cases[log.case[rows]],
        "prefix_length": length[rows],
        "at": pa.array((log.at[rows] * 1e6).astype(np.int64), pa.timestamp("us", tz="UTC")),
    }
    asked_for = amounts or {}
    amount = np.array([asked_for.get(one, np.nan) for one in log.cases.tolist()])[log.case[rows]]
    columns |= _amount_columns(amount)
    columns |= _clock_columns(log, rows)
    columns |= _last_columns(log, rows)
    columns |= _activity_columns(log, rows)
    columns |= _resource_columns(log, rows)
    columns |= _work_columns(log, rows)
    columns |= _load_columns(log, rows, closing)
    return pa.table(columns)


def _amount_columns(amount: FloatArray) -> dict[str, object]:
    steps = np.array([1.0, 50.0, 100.0, 500.0, 1000.0, 5000.0])
    even = np.mod(amount[:, None], steps) == 0
    return {"amount": amount, "amount_step": np.where(even, steps, 0.0).max(axis=1)}


def _clock_columns(log: EventLog, rows: IntArray) -> dict[str, object]:
    first, before = log.first[rows], np.maximum(rows - 1, log.first[rows])
    wall, begun = log.wall[rows], log.wall[first]
    return {
        "event_count": (rows - first + 1).astype(np.float64),
        "since_start_hours": (log.at[rows] - log.at[first]) / HOUR,
        "since_last_hours": (log.at[rows] - log.at[before]) / HOUR,
        "hour": np.mod(wall, DAY) / HOUR,
        "weekday": _weekday(wall),
        "start_hour": np.mod(begun, DAY) / HOUR,
        "start_weekday": _weekday(begun),
        "month_day": _month_day(wall),
        "active_days_count": _active_days(log)[rows],
    }


def _weekday(wall: FloatArray) -> FloatArray:
    return np.asarray(np.mod(wall // DAY + 3, 7))


def _month_day(wall: FloatArray) -> FloatArray:
    days = (wall // DAY).astype(np.int64).astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[M]")).astype(np.float64) + 1)


def _active_days(log: EventLog) -> FloatArray:
    """Count the different days on which something happened so far."""
    turned = np.diff(log.wall // DAY, prepend=-1) != 0
    turned |= np.arange(len(log.case)) == log.first
    total = np.cumsum(turned)
    return np.asarray(total - total[log.first] + 1, dtype=np.float64)


def _last_columns(log: EventLog, rows: IntArray) -> dict[str, object]:
    columns: dict[str, object] = {}
    for back in range(LAST_EVENTS):
        place = rows - back
        known = place >= log.first[rows]
        names = np.array(log.activities)[log.activity[np.maximum(place, 0)]]
        columns[f"activity_{back + 1}"] = np.where(known, names, START)
    columns["resource_1"] = np.array(log.resources)[log.resource[rows]]
    return columns


def _activity_columns(log: EventLog, rows: IntArray) -> dict[str, object]:
    """Per activity: how often, how long ago, and how long after the start it first came."""
    columns: dict[str, object] = {}
    first = log.first
    for code, name in enumerate(log.activities):
        here = log.activity == code
        if not here.any():
            continue
        count = running_counts(here, first)
        last = last_places(here, first)[rows]
        earliest = last_places(here & (count == 1), first)[rows]
        columns[f"count:{name}"] = count[rows]
        columns[f"since_hours:{name}"] = _hours(log, last, rows)
        columns[f"first_hours:{name}"] = _hours(log, first[rows], earliest)
    return columns


def _hours(log: EventLog, since: IntArray, until: IntArray) -> FloatArray:
    """Return the hours between two places; NaN where one of them is not there (-1)."""
    there = (since >= 0) & (until >= 0)
    return np.where(there, (log.at[until] - log.at[since]) / HOUR, np.nan)


def _resource_columns(log: EventLog, rows: IntArray) -> dict[str, object]:
    columns: dict[str, object] = {}
    first = log.first
    fresh = np.zeros(len(log.case), dtype=bool)
    for code, name in enumerate(log.resources):
        here = log.resource == code
        if not here.any():
            continue
        count = running_counts(here, first)
        fresh |= here & (count == 1)
        columns[f"by:{name}"] = count[rows]
    handed = np.diff(log.resource, prepend=-1) != 0
    handed &= np.arange(len(log.case)) > first
    columns["resources_count"] = running_counts(fresh, first)[rows]
    columns["handovers_count"] = running_counts(handed, first)[rows]
    return columns


def _work_columns(log: EventLog, rows: IntArray) -> dict[str, object]:
    """Per kind of work (an activity with START and COMPLETE): hours spent, last and in all."""
    columns: dict[str, object] = {}
    first = log.first
    everything = np.zeros(len(log.case), dtype=np.int64)
    for name in [one.removesuffix("-START") for one in log.activities if one.endswith("-START")]:
        if f"{name}-COMPLETE" not in log.activities:
            continue
        begins = log.activity == log.activities.index(f"{name}-START")
        ends = log.activity == log.activities.index(f"{name}-COMPLETE")
        begun = last_places(begins, first)
        spent = _microseconds(log.at - log.at[np.maximum(begun, 0)], ends & (begun >= 0))
        everything += spent
        last = last_places(ends, first)[rows]
        columns[f"work_hours:{name}"] = _hours_so_far(spent, first)[rows]
        hours = spent[np.maximum(last, 0)] / MICROSECONDS / HOUR
        columns[f"last_work_hours:{name}"] = np.where(last >= 0, hours, np.nan)
    columns["work_hours"] = _hours_so_far(everything, first)[rows]
    return columns


def _microseconds(seconds: FloatArray, where: NDArray[np.bool_]) -> NDArray[np.int64]:
    # whole numbers add up to the same whatever cases stand before, floats do not
    return np.where(where, np.round(seconds * MICROSECONDS), 0).astype(np.int64)


def _hours_so_far(spent: NDArray[np.int64], first: IntArray) -> FloatArray:
    total = np.cumsum(spent)
    return np.asarray((total - total[first] + spent[first]) / MICROSECONDS / HOUR)


def _load_columns(log: EventLog, rows: IntArray, closing: Sequence[str]) -> dict[str, object]:
    """Count what else was going on: open cases, and events of late, also by the same resource."""
    order = np.sort(log.at)
    begun = np.sort(log.at[np.flatnonzero(np.arange(len(log.case)) == log.first)])
    shut = [code for code, name in enumerate(log.activities) if name in set(closing)]
    closes = np.isin(log.activity, shut)
    once = closes & (running_counts(closes, log.first) == 1)
    closed = np.sort(log.at[once])
    now = log.at[rows]
    columns: dict[str, object] = {
        "open_cases_count": (
            np.searchsorted(begun, now, side="right") - np.searchsorted(closed, now, side="right")
        ).astype(np.float64)
    }
    for days in LOAD_DAYS:
        columns[f"events_{days}d_count"] = _between(order, now, days)
        columns[f"begun_{days}d_count"] = _between(begun, now, days)
    columns["resource_events_7d_count"] = _resource_load(log, 7)[rows]
    return columns


def _between(instants: FloatArray, now: FloatArray, days: int) -> FloatArray:
    """Count sorted instants in (now - days, now]."""
    until = np.searchsorted(instants, now, side="right")
    return (until - np.searchsorted(instants, now - days * DAY, side="right")).astype(np.float64)


def _resource_load(log: EventLog, days: int) -> FloatArray:
    out = np.zeros(len(log.case))
    for code in range(len(log.resources)):
        here = np.flatnonzero(log.resource == code)
        out[here] = _between(np.sort(log.at[here]), log.at[here], days)
    return out
