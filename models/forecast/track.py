"""The track record: past vintages scored with what one snapshot knows, and nothing later."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.sales import Sales
from models.forecast.vintages import SEASONAL_NAIVE, TOTAL, Vintage

WEEK_KERNEL = 3.0  # weeks: a vintage three weeks off counts about a third
SMALLEST_SCALE_SHARE = 0.25


@dataclass(frozen=True)
class Scored:
    """One past vintage against what the snapshot knows of its quarter, minor units.

    Parameters
    ----------
    period, origin, week, node, leg
        As in `Vintage`.
    error_minor
        Forecast mean minus actual.
    scale_minor
        Size of what was still to come when it was made; at least a quarter of an even share.
    actual_minor
        The quarter's revenue.
    """

    period: str
    origin: date
    week: int
    node: str
    leg: str
    error_minor: float
    scale_minor: float
    actual_minor: float


def score_past(past: Iterable[Vintage], sales: Sales, calendar: FiscalCalendar) -> list[Scored]:
    """Score the vintages whose quarter had ended by the snapshot's day; drop all others.

    The actual is summed from the snapshot itself: whatever a vintage carries as its actual is not
    looked at, so a number learnt later cannot enter.

    Parameters
    ----------
    past
        Vintages of any quarter, in any order.
    sales
        What is known now.
    calendar
        The company's fiscal calendar.
    """
    rows = {node: index for index, node in enumerate(sales.nodes)}
    scored = []
    known: dict[tuple[str, date], tuple[Quarter, np.ndarray, np.ndarray]] = {}
    for vintage in past:
        key = (vintage.period, vintage.origin)
        if key not in known:
            quarter = Quarter.parse(vintage.period, calendar)
            to_date = sales.between(quarter.start, max(vintage.origin, quarter.start))
            known[key] = (quarter, sales.actual(quarter), to_date)
        quarter, actual, to_date = known[key]
        if quarter.end > sales.as_of or vintage.origin >= quarter.end or vintage.node not in rows:
            continue
        row = rows[vintage.node]
        left = (quarter.end - max(vintage.origin, quarter.start)).days / quarter.days
        even = SMALLEST_SCALE_SHARE * abs(float(actual[row])) * left
        scored.append(
            Scored(
                period=vintage.period,
                origin=vintage.origin,
                week=vintage.week,
                node=vintage.node,
                leg=vintage.leg,
                error_minor=vintage.mean_minor - float(actual[row]),
                scale_minor=max(abs(vintage.mean_minor - float(to_date[row])), even),
                actual_minor=float(actual[row]),
            )
        )
    return sorted(scored, key=lambda s: (s.origin, s.period, s.node, s.leg))


def same_footing(scored: Sequence[Scored], *, seasonal: bool) -> list[Scored]:
    """Keep the origins at which last year was known, or those at which it was not.

    Errors made before a company had a year behind it say nothing of forecasts made with one.
    """
    knew = {(row.period, row.origin) for row in scored if row.leg == SEASONAL_NAIVE}
    return [row for row in scored if ((row.period, row.origin) in knew) == seasonal]


def paired(scored: Sequence[Scored], legs: Collection[str]) -> list[Scored]:
    """Keep the vintages made at origins where every one of ``legs`` spoke, and only those legs."""
    spoke: dict[tuple[str, date], set[str]] = {}
    for row in scored:
        if row.node == TOTAL and row.leg in legs:
            spoke.setdefault((row.period, row.origin), set()).add(row.leg)
    whole = {key for key, names in spoke.items() if names == set(legs)}
    return [row for row in scored if row.leg in legs and (row.period, row.origin) in whole]


def squared_error(
    scored: Iterable[Scored], leg: str, *, total: bool, week: int
) -> tuple[float, int]:
    """Return a leg's mean squared relative error near a week, and the number of quarters behind it.

    Errors are relative to what was still to come; segments are pooled by size. Each quarter counts
    once, however many weeks it was forecast in, because its weeks share one outcome.
    """
    sums: dict[str, list[float]] = {}
    for row in scored:
        if row.leg == leg and (row.node == TOTAL) == total and row.scale_minor > 0:
            weight = float(np.exp(-abs(row.week - week) / WEEK_KERNEL))
            entry = sums.setdefault(row.period, [0.0, 0.0])
            entry[0] += weight * row.error_minor**2
            entry[1] += weight * row.scale_minor**2
    ratios = [error / scale for error, scale in sums.values()]
    return (float(np.mean(ratios)), len(ratios)) if ratios else (0.0, 0)


def pooled_wape(scored: Iterable[Scored], leg: str) -> tuple[float, int]:
    """Return a leg's WAPE at the total over all vintages, and the number of quarters."""
    rows = [row for row in scored if row.leg == leg and row.node == TOTAL]
    size = sum(abs(row.actual_minor) for row in rows)
    error = sum(abs(row.error_minor) for row in rows)
    return (error / size if size else 0.0), len(set(_periods(rows)))


def _periods(rows: Iterable[Scored]) -> Iterator[str]:
    return (row.period for row in rows)
