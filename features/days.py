"""Calendar days in the company's zone, as whole numbers that every engine counts alike."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import ibis

from lifecycle.snapshot import Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86_400


@lru_cache(maxsize=64)
def clock_changes(first: datetime, last: datetime, zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
    """Return when the zone's offset from UTC changed between two instants.

    Returns
    -------
    tuple of (second, offset)
        From this second since 1970 (UTC) on, the offset (seconds) holds; newest first. The last
        one holds from ``first`` on.

    Examples
    --------
    >>> spring = datetime(2011, 3, 1, tzinfo=UTC), datetime(2011, 4, 1, tzinfo=UTC)
    >>> clock_changes(*spring, ZoneInfo("Europe/London"))
    ((1301187600, 3600), (1298937600, 0))
    """
    at, end = _seconds(first), _seconds(last)
    found = [(at, _offset(at, zone))]
    while at < end:
        after = min(at + _DAY_SECONDS, end)
        if _offset(after, zone) != found[-1][1]:
            found.append((_change_between(at, after, zone), _offset(after, zone)))
        at = after
    return tuple(reversed(found))


def local_day(event_at: Any, zone: ZoneInfo, *, first: datetime, last: datetime) -> Any:
    """Return the number of an instant's day in the company's zone, counted from 1970-01-01.

    A zone-aware date cast costs more than the whole group-by behind it, so the offset is added
    by hand: one comparison per clock change between ``first`` and ``last``, newest first.

    Parameters
    ----------
    event_at
        UTC instants, an Ibis column.
    zone
        The company's zone.
    first, last
        No event is earlier, or later, than these (UTC).

    Returns
    -------
    ibis.Expr
        int64.
    """
    utc = event_at.delta(ibis.literal(_EPOCH, type="timestamp('UTC', 6)"), unit="second")
    changes = clock_changes(first, max(first, last), zone)
    local = utc + changes[-1][1]
    for at, offset in reversed(changes[:-1]):
        local = (utc >= at).ifelse(utc + offset, local)
    return local // _DAY_SECONDS


def age_in_days(event_at: Any, as_of: datetime, *, zone: ZoneInfo, first: datetime) -> Any:
    """Return whole days from an event's local day to the as-of day: 1 is yesterday.

    Parameters
    ----------
    event_at
        UTC instants before ``as_of``, an Ibis column.
    as_of
        The instant we stand on (UTC).
    zone
        The company's zone.
    first
        No event is earlier (UTC).

    Returns
    -------
    ibis.Expr
        int64 (days).
    """
    day = local_day(event_at, zone, first=first, last=as_of)
    return day_number(as_of.astimezone(zone).date()) - day


def day_number(day: date) -> int:
    """Return days since 1970-01-01.

    Examples
    --------
    >>> day_number(date(1970, 1, 31))
    30
    """
    return (day - _EPOCH.date()).days


def _seconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(seconds=1)


def _offset(second: int, zone: ZoneInfo) -> int:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _change_between(low: int, high: int, zone: ZoneInfo) -> int:
    """Return the first second whose offset is that of ``high``."""
    before = _offset(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def day_of_event(snapshot: Snapshot, table: str, event_at: Any) -> Any:
    """Return the number of an instant's day in the company's zone, counted from 1970-01-01.

    Parameters
    ----------
    table
        The event table that the instants come from; its earliest and latest event clock bound
        the zone's clock changes that matter, and nothing else.
    event_at
        Its UTC instants, an Ibis column.

    Returns
    -------
    ibis.Expr
        int64.
    """
    if snapshot.zone.key == "UTC":
        return local_day(event_at, snapshot.zone, first=_EPOCH, last=_EPOCH)
    stored = snapshot.stored[table]
    clock = stored.rows[str(stored.table.event_clock)]
    span = snapshot.collect(stored.rows.agg(first=clock.min(), last=clock.max())).to_pylist()[0]
    first, last = span["first"] or snapshot.as_of, span["last"] or snapshot.as_of
    return local_day(event_at, snapshot.zone, first=first, last=last)


def day_of_date(on: Any) -> Any:
    """Return the number of a calendar day, an Ibis date column, counted from 1970-01-01."""
    return on.delta(ibis.date(1970, 1, 1), unit="day").cast("int64")
