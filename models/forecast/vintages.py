"""What a forecast says, and what is kept of it until the quarter is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from lifecycle.periods import Quarter

TOTAL = "total"
COMBINED = "combined"
SEASONAL_NAIVE = "seasonal_naive"
LAST_QUARTER = "last_quarter"
RIVALS = (SEASONAL_NAIVE, LAST_QUARTER)
PARTS = ("to_date", "known_customers", "new_customers", "anonymous")


@dataclass(frozen=True)
class LegForecast:
    """One leg's revenue of the quarter at one node, all in minor units.

    Parameters
    ----------
    node
        ``total`` or ``segment=<name>``.
    leg
        The method's name; ``combined`` is the weighted one.
    p10_minor, p50_minor, p90_minor
        Quantiles of the quarter's whole revenue, what is already known included; they increase.
    mean_minor
        Its mean; the means of a coherent leg add up over nodes, quantiles do not.
    """

    node: str
    leg: str
    p10_minor: float
    p50_minor: float
    p90_minor: float
    mean_minor: float


@dataclass(frozen=True)
class Vintage:
    """A forecast as it was made at a past origin; ``actual_minor`` is None until it is known.

    Parameters
    ----------
    period
        The quarter's name, such as ``2011Q4``.
    origin
        The as-of day the forecast was made for.
    week
        Week of the quarter (0-based) in which the origin lies; below 0 before it began.
    node, leg, p10_minor, p50_minor, p90_minor, mean_minor
        As in `LegForecast`.
    actual_minor
        The quarter's revenue at the node, minor units.
    """

    period: str
    origin: date
    week: int
    node: str
    leg: str
    p10_minor: float
    p50_minor: float
    p90_minor: float
    mean_minor: float
    actual_minor: float | None = None


@dataclass(frozen=True)
class QuarterForecast:
    """The quarter's revenue as forecast at one instant.

    Parameters
    ----------
    quarter
        The quarter that is forecast.
    as_of
        The snapshot's instant (UTC).
    week
        Week of the quarter, 0-based; below 0 when it has not begun.
    legs
        Every leg at every node, ``combined`` included.
    served
        Leg to show, by node. One leg for the whole tree: mixed legs would not add up.
    weights
        Weight of each leg in ``combined``, by node.
    parts
        By node: to_date, known_customers, new_customers, anonymous; they add up to the served mean.
    actual_to_date_minor
        Revenue of the quarter's days before ``as_of``, at ``total``, minor units.
    verdict
        Why that leg is served, in one sentence.
    """

    quarter: Quarter
    as_of: datetime
    week: int
    legs: tuple[LegForecast, ...]
    served: Mapping[str, str]
    weights: Mapping[str, Mapping[str, float]]
    parts: Mapping[str, Mapping[str, float]]
    actual_to_date_minor: float
    verdict: str = field(default="")

    def leg(self, node: str, leg: str) -> LegForecast:
        """Return one leg at one node.

        Raises
        ------
        KeyError
            There is no such leg at that node.
        """
        for row in self.legs:
            if (row.node, row.leg) == (node, leg):
                return row
        raise KeyError((node, leg))

    def vintages(self, origin: date) -> list[Vintage]:
        """Return the legs as vintages of the day ``origin`` (the as-of day), actuals unknown."""
        return [
            Vintage(
                period=str(self.quarter),
                origin=origin,
                week=self.week,
                node=row.node,
                leg=row.leg,
                p10_minor=row.p10_minor,
                p50_minor=row.p50_minor,
                p90_minor=row.p90_minor,
                mean_minor=row.mean_minor,
            )
            for row in self.legs
        ]
