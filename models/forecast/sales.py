"""Revenue known before an instant, by day, segment and kind of buyer: all the forecast looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.days import age_in_days
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import Quarter
from models.forecast.nodes import TOTAL, UNASSIGNED

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

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
    age = np.asarray(table["age"], dtype=np.int64)
    coded = table["segment"].combine_chunks().dictionary_encode()
    found = coded.dictionary.to_pylist()
    segments = sorted(found)
    rank = np.array([segments.index(name) + 1 for name in found], dtype=np.int64)
    row = rank[np.asarray(coded.indices, dtype=np.int64)]
    days = int(age.max())
    shape = (len(segments) + 1, days)
    named = np.asarray(table["account_age"].is_valid(), dtype=bool)
    net = np.asarray(table["net_minor"].cast("float64"), dtype=np.float64)
    count = np.asarray(table["purchases"].cast("float64"), dtype=np.float64)
    account_age = np.asarray(table["account_age"].fill_null(0), dtype=np.int64)
    at = (row, days - age)
    return Sales(
        first=snapshot.day - timedelta(days=days),
        as_of=snapshot.day,
        nodes=(TOTAL, *(f"segment={name}" for name in segments)),
        accounts_minor=_matrix(shape, at, net * named),
        anonymous_minor=_matrix(shape, at, net * ~named),
        purchases_count=_matrix(shape, at, count * named),
        cohorts=Cohorts(days - age[named], days - account_age[named], net[named]),
    )


def _daily(snapshot: KnownFacts) -> ibis.Table:
    orders = snapshot.table("orders")
    # The event clock may run ahead of the known clock (a planned order): the future is no revenue.
    orders = orders.filter(orders.ordered_at < ibis.literal(snapshot.as_of))
    first = snapshot.first_ordered_at or snapshot.as_of
    orders = orders.select(
        orders.account_id,
        orders.amount_minor,
        bought=(orders.kind == "sale") & (orders.amount_minor > 0),
        segment=ibis.coalesce(orders.segment, UNASSIGNED),
        age=age_in_days(orders.ordered_at, snapshot.as_of, zone=snapshot.zone, first=first),
    )
    # Standing in the middle of a day, that day is still to come: half a day is no day's revenue.
    orders = orders.filter(orders.age >= 1)
    # A join: the same minimum as a window costs twice the time. An anonymous sale joins nothing.
    born = orders.group_by("account_id").aggregate(account_age=orders.age.max())
    aged = orders.left_join(born, "account_id")
    return aged.group_by("segment", "age", "account_age").aggregate(
        net_minor=aged.amount_minor.sum(), purchases=aged.count(where=aged.bought)
    )


def _matrix(shape: tuple[int, int], at: tuple[IntArray, IntArray], value: FloatArray) -> FloatArray:
    # Sums of whole minor units are exact in float64, so the order of rows cannot matter.
    matrix = np.zeros(shape)
    np.add.at(matrix, at, value)
    matrix[0] = matrix[1:].sum(axis=0)
    return matrix
