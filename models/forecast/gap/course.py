"""How past quarters filled up week by week, and how far this one has: what pacing compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.grid import FloatArray
from models.forecast.judged import Said
from models.forecast.nodes import TOTAL

LEAST_QUARTERS = 4
"""Ended quarters below which a node goes by the total's course."""

FAN = (10, 50, 90)
"""Percentiles of the fan."""


@dataclass(frozen=True)
class Courses:
    """What of each past quarter was in by the start of each week, as known then.

    Parameters
    ----------
    to_date_minor
        By period and node, (weeks,) minor units; NaN in weeks without a forecast.
    actual_minor
        By period and node, minor units.
    """

    to_date_minor: Mapping[str, Mapping[str, FloatArray]]
    actual_minor: Mapping[str, Mapping[str, float]]

    def shares(self, node: str) -> FloatArray:
        """Return shares of the final in by the start of each week, (quarters, weeks).

        Quarters that ended at zero or below have no shares and are left out.
        """
        rows = [
            course[node] / self.actual_minor[period][node]
            for period, course in self.to_date_minor.items()
            if node in course and self.actual_minor.get(period, {}).get(node, 0.0) > 0
        ]
        weeks = max((len(row) for row in rows), default=0)
        wide = [np.append(row, np.full(weeks - len(row), np.nan)) for row in rows]
        return np.array(wide).reshape(len(rows), weeks)

    def source(self, node: str) -> str:
        """Return the node whose course speaks for one: its own, or the total's while it is new."""
        return node if len(self.shares(node)) >= LEAST_QUARTERS else TOTAL

    def fan(self, node: str) -> FloatArray:
        """Return P10, P50 and P90 of the share in by the start of each week, (weeks, 3).

        NaN in weeks of which fewer than four quarters tell.
        """
        shares = self.shares(self.source(node))
        fan = np.full((shares.shape[1], len(FAN)), np.nan)
        for week, column in enumerate(shares.T):
            known = column[np.isfinite(column)]
            if len(known) >= LEAST_QUARTERS:
                fan[week] = np.percentile(known, FAN)
        return fan

    def share_by(self, node: str, quarter: Quarter, day: date) -> float:
        """Return the share of a quarter that is usually in before a day (0-1).

        The median of past quarters, read off the straight line between weeks; by days where
        fewer than four quarters tell.
        """
        passed = float(np.clip((day - quarter.start).days, 0, quarter.days))
        middle = self.fan(node)[:, 1] if len(self.fan(node)) else np.zeros(0)
        known = np.flatnonzero(np.isfinite(middle))
        if not len(known):
            return passed / quarter.days
        days = np.append(7.0 * known, quarter.days)
        shares = np.maximum.accumulate(np.append(np.clip(middle[known], 0, 1), 1.0))
        if known[0] > 0:
            days, shares = np.append(0.0, days), np.append(0.0, shares)
        return float(np.interp(passed, days, shares))


def build_courses(
    said: Iterable[Said], actuals: Mapping[str, Mapping[str, float]], *, before: str
) -> Courses:
    """Lay out past forecasts as courses.

    Parameters
    ----------
    said
        Past forecasts of one target; those of quarters without an actual are left out.
    actuals
        By period and node, minor units, as known now.
    before
        The quarter asked about: only earlier ones count.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    for one in said:
        if one.period >= before or one.period not in actuals or one.week < 0:
            continue
        held = found.setdefault(one.period, {})
        for node, value in zip(one.nodes, one.to_date_minor, strict=True):
            held.setdefault(node, {})[one.week] = float(value)
    courses = {
        period: {node: _by_week(weeks) for node, weeks in held.items()}
        for period, held in sorted(found.items())
    }
    return Courses(courses, {period: actuals[period] for period in courses})


def own_course(
    said: Iterable[Said], quarter: Quarter, *, origin: date
) -> dict[str, list[tuple[date, float]]]:
    """Return what of a quarter was in by each origin up to one, by node: (day, minor units)."""
    found: dict[str, dict[date, float]] = {}
    for one in said:
        if one.period == str(quarter) and quarter.start <= one.origin <= origin:
            for node, value in zip(one.nodes, one.to_date_minor, strict=True):
                found.setdefault(node, {})[one.origin] = float(value)
    return {node: sorted(course.items()) for node, course in found.items()}


def _by_week(weeks: Mapping[int, float]) -> FloatArray:
    return np.array([weeks.get(week, np.nan) for week in range(max(weeks) + 1)])
