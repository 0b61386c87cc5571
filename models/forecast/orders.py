"""The quarter's orders: what customers without a contract bring, by legs at every segment.

Revenue of a quarter = what is known of its days before the origin + each leg's rest. The bottom-up
leg (known customers, new ones, anonymous sales) stands where the other targets have a simulation.
Its spread and the other legs' is how badly a plain rule missed such spans before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from lifecycle.errors import NotEnoughHistoryError, UsageError
from lifecycle.periods import Quarter
from models.forecast.bottom_up import bottom_up
from models.forecast.grid import normal_grid
from models.forecast.naive import last_quarter, remaining, seasonal_naive
from models.forecast.order_series import time_series_legs
from models.forecast.order_spread import floors, plain_error
from models.forecast.raw import ORDERS, SIMULATION, Leg, RawForecast
from models.forecast.sales import FloatArray, KnownFacts, Sales, read_sales

FEWEST_DAYS = 182
FURTHEST_QUARTERS = 2
VERSION = "orders-1"
KEPT_DAYS = 4


@dataclass
class OrdersEngine:
    """Forecasts of orders as of any origin.

    Parameters
    ----------
    facts
        Returns what was known before a day.
    """

    facts: Callable[[date], KnownFacts]
    _sales: dict[date, Sales] = field(default_factory=dict, repr=False)

    targets = (ORDERS,)

    def raw(self, origin: date, quarter: Quarter) -> list[RawForecast]:
        """Return the legs as of an origin.

        Parameters
        ----------
        origin
            The as-of day.
        quarter
            The running quarter or one of the next two; a past one answers with what is known of it.

        Raises
        ------
        NotEnoughHistoryError
            Fewer than 26 weeks are known.
        UsageError
            The quarter begins more than two quarters ahead.
        """
        return [orders_forecast(self.sales(origin), quarter)]

    def actuals(self, quarter: Quarter, known_on: date) -> dict[str, dict[str, float]]:
        """Return by target and node what a quarter brought, as known before a day.

        Empty until the quarter has ended.
        """
        if quarter.end > known_on:
            return {}
        sales = self.sales(known_on)
        found = sales.actual(quarter)
        return {ORDERS: dict(zip(sales.nodes, found.tolist(), strict=True))}

    def sales(self, origin: date) -> Sales:
        """Return revenue by day as known before an origin; the last few are kept."""
        if origin not in self._sales:
            if len(self._sales) >= KEPT_DAYS:  # a backtest goes through a hundred of them, in order
                self._sales.pop(next(iter(self._sales)))
            self._sales[origin] = read_sales(self.facts(origin))
        return self._sales[origin]


def orders_forecast(sales: Sales, quarter: Quarter) -> RawForecast:
    """Forecast a quarter's orders from revenue already read.

    Raises
    ------
    NotEnoughHistoryError
        Fewer than 26 weeks are known.
    UsageError
        The quarter begins more than two quarters ahead.
    """
    _check_reach(sales, quarter)
    span = remaining(sales, quarter)
    to_date = sales.between(quarter.start, quarter.end)
    buyers = bottom_up(sales, span)
    rests = {
        "last_quarter": last_quarter(sales, quarter),
        "seasonal_naive": seasonal_naive(sales, quarter),
        SIMULATION: buyers.total,
        **time_series_legs(sales, span),
    }
    spread = plain_error(sales, span)
    return RawForecast(
        target=ORDERS,
        quarter=quarter,
        origin=sales.as_of,
        nodes=sales.nodes,
        legs={
            name: _leg(to_date, rest, spread) for name, rest in rests.items() if rest is not None
        },
        to_date_minor=to_date,
        floor_minor=floors(sales, to_date),
        parts={
            "to_date": to_date,
            "known_customers": buyers.known,
            "new_customers": buyers.new,
            "anonymous": buyers.anonymous,
        },
        model_version=VERSION,
    )


def _leg(to_date: FloatArray, rest: FloatArray, spread: FloatArray) -> Leg:
    return Leg(to_date + rest, normal_grid(to_date + rest, spread * np.abs(rest)))


def _check_reach(sales: Sales, quarter: Quarter) -> None:
    if sales.days < FEWEST_DAYS:
        raise NotEnoughHistoryError(
            f"{sales.days} days of orders known before {sales.as_of}",
            f"at least {FEWEST_DAYS} days",
            "choose a later day, or ingest older orders",
        )
    furthest = Quarter.containing(sales.as_of, quarter.calendar).shift(FURTHEST_QUARTERS)
    if quarter.start > furthest.start:
        raise UsageError(
            f"quarter {quarter} seen from {sales.as_of}",
            f"a quarter no later than {furthest}",
            "choose an earlier quarter or a later day",
        )
