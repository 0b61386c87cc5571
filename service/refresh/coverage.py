"""How far the facts reach: no fact after their end is silence of the record, not of the account.

A window is judged only if facts of its kind go on to its end, and only a grace after it, counted to
the day on which the newest fact was known: what happened on its last days may arrive late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lifecycle.snapshot import Snapshot
from service.refresh.place import read_data_as_of

JUDGING_GRACE_DAYS = 30
OLD_AFTER_DAYS = 30
# facts that keep coming while a business is on record, and their clocks
_CONTRACT_CLOCKS = {
    "subscription_changes": "changed_at",
    "usage": "used_at",
    "invoices": "issued_at",
    "payments": "paid_at",
}
_ORDER_CLOCKS = {"orders": "ordered_at"}
# a deal's versions have no event of their own: they stand from when they were known
_DEAL_CLOCKS = {"opportunities": "known_at", "opportunity_changes": "changed_at"}


@dataclass(frozen=True)
class Coverage:
    """The last days on record, in the company's zone; ``None`` where there is no such fact.

    Attributes
    ----------
    known_until
        Day on which the newest fact was known.
    contracts_until, orders_until
        Day of the newest change, use, invoice or payment, and of the newest order.
    """

    known_until: date
    contracts_until: date | None
    orders_until: date | None

    def covers_contracts(self, end: date, *, lag: timedelta) -> bool:
        """Say whether decisions before ``end``, told ``lag`` later, are on record."""
        return _covers(self.known_until, self.contracts_until, end, lag=lag)

    def covers_orders(self, end: date) -> bool:
        """Say whether orders before ``end`` are on record."""
        return _covers(self.known_until, self.orders_until, end, lag=timedelta())


def read_coverage(snapshot: Snapshot) -> Coverage:
    """Return how far the facts of a snapshot reach.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return Coverage(
        _known_until(snapshot),
        _last_day(snapshot, _CONTRACT_CLOCKS),
        _last_day(snapshot, _ORDER_CLOCKS),
    )


def covers_deals(snapshot: Snapshot, ends: Iterable[date]) -> set[date]:
    """Return those days before which all that happened to deals is on record.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    known, until = _known_until(snapshot), _last_day(snapshot, _DEAL_CLOCKS)
    return {end for end in ends if _covers(known, until, end, lag=timedelta())}


def read_age_days(snapshot: Snapshot) -> int:
    """Return how many days before the snapshot's day its newest fact was known.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return (snapshot.day - _known_until(snapshot)).days


def _covers(known_until: date, until: date | None, end: date, *, lag: timedelta) -> bool:
    if until is None or end + lag > until:
        return False
    return end + timedelta(days=JUDGING_GRACE_DAYS) <= known_until


def _known_until(snapshot: Snapshot) -> date:
    return min(snapshot.day, read_data_as_of(snapshot).astimezone(snapshot.zone).date())


def _last_day(snapshot: Snapshot, clocks: Mapping[str, str]) -> date | None:
    found = [_newest(snapshot, name, clock) for name, clock in clocks.items()]
    return max((day for day in found if day is not None), default=None)


def _newest(snapshot: Snapshot, name: str, clock: str) -> date | None:
    rows = snapshot.table(name)
    at: Any = snapshot.collect(rows.aggregate(newest=rows[clock].max()))["newest"][0].as_py()
    if at is None:
        return None
    day: date = at.astimezone(snapshot.zone).date()
    # a clock may run ahead of the snapshot (an invoice dated next month): that covers no more
    return min(day, snapshot.day)
