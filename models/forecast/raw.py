"""What one target's legs say of a quarter from one origin, before the track record speaks.

A raw forecast looks at nothing but what was known at its origin, so raw forecasts of different
origins can be made in any order and side by side. What past vintages teach (weights, widths,
which leg is served) is added afterwards, in order of time, by ``models.forecast.conclude``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.grid import FloatArray, grid_of

BOOKINGS = "bookings"
RENEWALS = "renewals"
REVENUE = "revenue"
ENDING_ARR = "ending_arr"
ORDERS = "orders"
TARGETS: Mapping[str, str] = {
    BOOKINGS: "annual value of new business and expansion deals won in the quarter",
    RENEWALS: "annual value of contract terms that end in the quarter and are renewed",
    REVENUE: "recurring revenue recognised in the quarter, day by day",
    ENDING_ARR: "annual recurring revenue on the day after the quarter",
    ORDERS: "net revenue of orders: customers without a contract",
}
"""Targets kept apart, by name; they are never added to one another."""

SIMULATION = "simulation"


@dataclass(frozen=True)
class Leg:
    """One method's answer at every node.

    Parameters
    ----------
    mean_minor
        (nodes,) minor units; NaN where the method says nothing of the node.
    grid_minor
        (nodes, 21) quantiles at ``models.forecast.grid.LEVELS``, minor units.
    """

    mean_minor: FloatArray
    grid_minor: FloatArray


@dataclass(frozen=True)
class RawForecast:
    """The legs of one target, quarter and origin.

    Parameters
    ----------
    target
        One of ``TARGETS``.
    quarter
        What is forecast.
    origin
        The as-of day: everything was known before it.
    nodes
        ``total`` first.
    legs
        By name; those that say nothing of the total are left out.
    to_date_minor
        (nodes,) what of the quarter is in already, minor units.
    floor_minor
        (nodes,) the least the quarter can be; -inf where credits can undo what is in.
    parts
        By name, (nodes,) addends of the simulation's mean, minor units; empty without one.
    model_version
        Which models spoke.
    notes
        Facts to show beside the numbers (shock posteriors, concentration), JSON values.
    """

    target: str
    quarter: Quarter
    origin: date
    nodes: tuple[str, ...]
    legs: Mapping[str, Leg]
    to_date_minor: FloatArray
    floor_minor: FloatArray
    parts: Mapping[str, FloatArray] = field(default_factory=dict)
    model_version: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def week(self) -> int:
        """Week of the quarter in which the origin lies; below 0 before it began."""
        return self.quarter.week_of(self.origin)


def leg_of_draws(draws_minor: FloatArray) -> Leg:
    """Return a leg from draws of shape (nodes, draws), minor units."""
    return Leg(np.asarray(draws_minor.mean(axis=-1)), grid_of(draws_minor))
