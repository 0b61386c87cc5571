"""Revenue known before an instant, by day, segment and kind of buyer: all the forecast looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import Quarter
from models.forecast.vintages import TOTAL

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNASSIGNED = "unassigned"
YEAR_DAYS = 364  # whole weeks, so that a Monday is compared with a Monday


class KnownFacts(Protocol):
    """What the forecast needs of a snapshot."""

    @property
    def as_of(self) -> datetime:
        """The instant (UTC) before which everything was known."""

    @property
    def day(self) -> date:
        """Its day in the company's zone."""

    @property
    def zone(self) -> ZoneInfo:
        """The company's zone."""

    @property
    def first_ordered_at(self) -> datetime | None:
        """Earliest event clock in the lake: bounds the clock changes to look up, nothing else."""

    def table(self, name: str) -> ibis.Table:
        """Return a table's rows as known before the instant."""

    def collect(self, expr: ibis.Table) -> pa.Table:
        """Run an expression."""


@dataclass(frozen=True)
class Cohorts:
    """Accounts' revenue by day and by the day the account was first seen; one row a pair.

    Parameters
    ----------
    day, first
        Days since the first day of the history.
    net_minor
        Net revenue, minor units.
    """

    day: IntArray
    first: IntArray
    net_minor: FloatArray


@dataclass(frozen=True)
class Sales:
    """Net revenue known before ``as_of``, one column a day, one row a node (row 0 is the total).

    Parameters
    ----------
    first
        First day with a fact.
    as_of
        The day we stand on, in the company's zone; the last column is the day before.
    nodes
        ``total``, then ``segment=<name>`` in order of name.
    accounts_minor, anonymous_minor
        (nodes, days), minor units, net of credits: of named accounts, and of sales without one.
    purchases_count
        (nodes, days), purchases of named accounts.
    cohorts
        Accounts' revenue by the age of the account.
    """

    first: date
    as_of: date
    nodes: tuple[str, ...]
    accounts_minor: FloatArray
    anonymous_minor: FloatArray
    purchases_count: FloatArray
    cohorts: Cohorts

    @property
    def days(self) -> int:
        """Length of the history in days."""
        return (self.as_of - self.first).days

    @property
    def net_minor(self) -> FloatArray:
        """Revenue by node and day, minor units."""
        return self.accounts_minor + self.anonymous_minor

    def column(self, day: date) -> int:
        """Return the column of a day; outside ``[0, days)`` for a day without facts."""
        return (day - self.first).days

    def between(self, start: date, end: date) -> FloatArray:
        """Return each node's known revenue of the days ``[start, end)``, minor units."""
        low, high = (min(max(self.column(d), 0), self.days) for d in (start, end))
        return np.asarray(self.net_minor[:, low:high].sum(axis=1), dtype=np.float64)

    def actual(self, quarter: Quarter) -> FloatArray:
        """Return each node's known revenue of a quarter, minor units."""
        return self.between(quarter.start, quarter.end)


def read_sales(snapshot: KnownFacts) -> Sales:
    """Sum what the snapshot knows of orders by day.

    Revenue is the sum of ``amount_minor`` over all kinds, anonymous sales included; its day is that
    of ``ordered_at`` in the company's zone. An order's segment is the one it was sold in.

    Raises
    ------
    NotEnoughHistoryError
        Nothing at all is known before the instant.
    """
    table = snapshot.collect(_daily(snapshot))
    if table.num_rows == 0:
        raise NotEnoughHistoryError(
            f"no order known before {snapshot.day}",
            "at least 26 weeks of orders",
            "ingest orders, or choose a later day",
        )
    day = _epoch_days(table["day"])
    first = int(day.min())
    segments = sorted(set(table["segment"].to_pylist()))
    row = np.array([segments.index(s) + 1 for s in table["segment"].to_pylist()], dtype=np.int64)
    started = date(1970, 1, 1) + timedelta(days=first)
    shape = (len(segments) + 1, (snapshot.day - started).days)
    named = np.asarray(table["first_day"].is_valid(), dtype=bool)
    net = np.asarray(table["net_minor"].cast("float64"), dtype=np.float64)
    count = np.asarray(table["purchases"].cast("float64"), dtype=np.float64)
    at = (row, day - first)
    born = _epoch_days(table["first_day"].fill_null(date(1970, 1, 1)))
    return Sales(
        first=started,
        as_of=snapshot.day,
        nodes=(TOTAL, *(f"segment={name}" for name in segments)),
        accounts_minor=_matrix(shape, at, net * named),
        anonymous_minor=_matrix(shape, at, net * ~named),
        purchases_count=_matrix(shape, at, count * named),
        cohorts=Cohorts(day[named] - first, born[named] - first, net[named]),
    )


def _daily(snapshot: KnownFacts) -> ibis.Table:
    orders = snapshot.table("orders")
    # The event clock may run ahead of the known clock (a planned order): the future is not revenue.
    orders = orders.filter(orders.ordered_at < ibis.literal(snapshot.as_of))
    since = snapshot.first_ordered_at or snapshot.as_of
    orders = orders.mutate(day=local_day(orders.ordered_at, snapshot.zone, (since, snapshot.as_of)))
    by_account = ibis.window(group_by="account_id")
    born = orders.day.min().over(by_account)
    orders = orders.mutate(
        segment=ibis.coalesce(orders.segment, UNASSIGNED),
        first_day=ibis.ifelse(orders.account_id.isnull(), ibis.null("date"), born),
    )
    bought = (orders.kind == "sale") & (orders.amount_minor > 0)
    return orders.group_by("segment", "day", "first_day").aggregate(
        net_minor=orders.amount_minor.sum(), purchases=orders.count(where=bought)
    )


def local_day(instant: ibis.Value, zone: ZoneInfo, within: tuple[datetime, datetime]) -> ibis.Value:
    """Return the day of a UTC instant in a zone, as an expression any engine can run.

    The zone's offsets are looked up here and written as literals, because engines differ in the
    time zone data they carry.

    Parameters
    ----------
    instant
        A column of instants (UTC).
    zone
        The company's zone.
    within
        First and last instant (UTC) for which the zone's clock changes are looked up.
    """
    since, until = within
    steps = _offsets(zone, since.date(), until.date())
    shift = ibis.literal(steps[0][1])
    branches = [(instant >= ibis.literal(at), ibis.literal(minutes)) for at, minutes in steps[1:]]
    if branches:
        shift = ibis.cases(*reversed(branches), else_=shift)
    return (instant.epoch_seconds() + shift * 60).as_timestamp("s").date()


@lru_cache(maxsize=512)
def _offsets(zone: ZoneInfo, first: date, last: date) -> tuple[tuple[datetime, int], ...]:
    day = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    steps = [(day, _minutes(day, zone))]
    while day.date() <= last:
        after = day + timedelta(days=1)
        if _minutes(after, zone) != steps[-1][1]:
            steps.append((_change(day, after, zone), _minutes(after, zone)))
        day = after
    return tuple(steps)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    # Clocks change on a whole minute: halve the day until the minute is found.
    minutes = int((after - before).total_seconds() // 60)
    low, high, target = 0, minutes, _minutes(after, zone)
    while high - low > 1:
        middle = (low + high) // 2
        same = _minutes(before + timedelta(minutes=middle), zone) == target
        low, high = (low, middle) if same else (middle, high)
    return before + timedelta(minutes=high)


def _minutes(instant: datetime, zone: ZoneInfo) -> int:
    offset = instant.astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds() // 60)


def _epoch_days(column: pa.ChunkedArray) -> IntArray:
    return np.asarray(column.cast("date32").cast("int32"), dtype=np.int64)


def _matrix(shape: tuple[int, int], at: tuple[IntArray, IntArray], value: FloatArray) -> FloatArray:
    # Sums of whole minor units are exact in float64, so the order of rows cannot matter.
    matrix = np.zeros(shape)
    np.add.at(matrix, at, value)
    matrix[0] = matrix[1:].sum(axis=0)
    return matrix
