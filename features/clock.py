"""The as-of instant as expressions: written into one query, or parameters of a compiled one."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cache
from typing import Any

import ibis

from features.days import day_number
from lifecycle.snapshot import Snapshot


@dataclass(frozen=True)
class Clock:
    """Where we stand, as Ibis scalars.

    Attributes
    ----------
    as_of
        The instant (UTC).
    today
        Number of its day in the company's zone, counted from 1970-01-01.
    month_sin, month_cos
        The month's place in the year.
    day_of_year
        1 to 366.
    """

    as_of: Any
    today: Any
    month_sin: Any
    month_cos: Any
    day_of_year: Any

    def parameters(self) -> dict[str, Any]:
        """Return the scalars by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


_TYPES = {
    "as_of": "timestamp('UTC', 6)",
    "today": "int64",
    "month_sin": "float64",
    "month_cos": "float64",
    "day_of_year": "float64",
}


def clock_values(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a clock shows in a snapshot, as Python values by name."""
    day = snapshot.day
    return {"as_of": snapshot.as_of, "today": day_number(day), **season_of(day)}


def clock_at(snapshot: Snapshot) -> Clock:
    """Return the clock of one snapshot, as literals."""
    values = clock_values(snapshot)
    return Clock(**{name: ibis.literal(values[name], type=kind) for name, kind in _TYPES.items()})


@cache
def any_clock() -> Clock:
    """Return a clock of parameters, for a query that is compiled once."""
    return Clock(**{name: ibis.param(kind) for name, kind in _TYPES.items()})


def season_of(day: date) -> dict[str, float]:
    """Return a day's place in its year.

    Examples
    --------
    >>> season_of(date(2011, 4, 1))["month_sin"]
    1.0
    """
    turn = 2 * math.pi * (day.month - 1) / 12
    return {
        "month_sin": round(math.sin(turn), 12),
        "month_cos": round(math.cos(turn), 12),
        "day_of_year": float(day.timetuple().tm_yday),
    }


@dataclass(frozen=True)
class ContractClock:
    """Where we stand, as the contract frame needs it: Ibis scalars.

    Attributes
    ----------
    as_of, today, month_sin, month_cos
        As in :class:`Clock`.
    year_ago, recently
        Instants 400 and 60 days before: older facts are not read by families that look back so
        far, which keeps a scan short.
    """

    as_of: Any
    year_ago: Any
    recently: Any
    today: Any
    month_sin: Any
    month_cos: Any

    def parameters(self) -> dict[str, Any]:
        """Return the scalars by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


_CONTRACT_TYPES = {
    "as_of": "timestamp('UTC', 6)",
    "year_ago": "timestamp('UTC', 6)",
    "recently": "timestamp('UTC', 6)",
    "today": "int64",
    "month_sin": "float64",
    "month_cos": "float64",
}


def contract_clock_values(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a contract clock shows in a snapshot, as Python values by name."""
    values = clock_values(snapshot)
    values["year_ago"] = snapshot.as_of - timedelta(days=400)
    values["recently"] = snapshot.as_of - timedelta(days=60)
    return {name: values[name] for name in _CONTRACT_TYPES}


def contract_clock_at(snapshot: Snapshot) -> ContractClock:
    """Return the contract clock of one snapshot, as literals."""
    values = contract_clock_values(snapshot)
    return ContractClock(
        **{name: ibis.literal(values[name], type=kind) for name, kind in _CONTRACT_TYPES.items()}
    )


@cache
def any_contract_clock() -> ContractClock:
    """Return a contract clock of parameters, for a query that is compiled once."""
    return ContractClock(**{name: ibis.param(kind) for name, kind in _CONTRACT_TYPES.items()})
