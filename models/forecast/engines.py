"""What every engine of the forecast answers, and which engines a company's facts call for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Protocol

from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.bookings.engine import BookingsEngine
from models.forecast.orders import OrdersEngine
from models.forecast.raw import RawForecast
from models.forecast.recurring.engine import RecurringEngine


class Engine(Protocol):
    """One family of targets, forecast as of any origin up to the day its facts were read for."""

    def raw(self, origin: date, quarter: Quarter) -> list[RawForecast]:
        """Return the legs as of an origin; empty where nothing can be said.

        Raises
        ------
        NotEnoughHistoryError
            Too little was known by then.
        UsageError
            The quarter lies too far ahead.
        """

    def actuals(self, quarter: Quarter, known_on: date) -> dict[str, dict[str, float]]:
        """Return by target and node what a quarter brought, as known before a day, minor units.

        Empty until the quarter has ended.
        """


def open_engines(
    snapshot: Snapshot,
    *,
    facts: Callable[[date], Snapshot],
    calendar: FiscalCalendar,
    currency: str,
) -> list[Engine]:
    """Open one engine for each family of targets that the facts speak of.

    Parameters
    ----------
    snapshot
        What is known on the latest day that will be asked about.
    facts
        Returns what was known before a day, no later than that of the snapshot.
    calendar
        When quarters begin.
    currency
        The company's: what is told in another brings no money.
    """
    engines: list[Engine] = []
    if _holds(snapshot, "opportunities"):
        engines.append(BookingsEngine.read(snapshot, calendar=calendar, currency=currency))
    if _holds(snapshot, "subscriptions"):
        engines.append(RecurringEngine.read(snapshot, calendar=calendar, currency=currency))
    if _holds(snapshot, "orders"):
        engines.append(OrdersEngine(facts))
    return engines


def _holds(snapshot: Snapshot, name: str) -> bool:
    rows = snapshot.table(name)
    return bool(snapshot.collect(rows.limit(1)).num_rows)
