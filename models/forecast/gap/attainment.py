"""How a forecast stands to one target: attained, paced, covered, and the chance to reach it.

A target's period need not be the quarter. What counts of it lies in three places: ended quarters
(their actuals; a quarter it covers in part counts by days), this quarter, and what comes after it.
Of this quarter counts what came in inside the target's days so far, and of what is still to come
the share that usually comes in inside them. A target that runs on after this quarter has no chance
to be reached yet: it is told what it should have by the quarter's end, by days, and the chance to
have that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.gap.course import Courses
from models.forecast.grid import MEDIAN, FloatArray, share_below
from models.forecast.targets import METRICS, STOCKS, Aim

PacedDay = tuple[date, float]


@dataclass(frozen=True)
class Standing:
    """Where a quarter stands at its origin, node by node.

    Parameters
    ----------
    quarter, origin
        Of which quarter, as of which day.
    nodes
        ``total`` first.
    to_date_minor
        (nodes,) what is in already, minor units.
    grid_minor
        (nodes, 21) the served quantiles.
    open_due_minor
        (nodes,) open pipeline expected to close in the quarter; NaN where none is known of.
    conversion_minor
        (nodes,) mean of the same-week pipeline conversion; NaN where it says nothing.
    own_course
        By node, what was in by each earlier origin: (day, minor units), in order.
    """

    quarter: Quarter
    origin: date
    nodes: tuple[str, ...]
    to_date_minor: FloatArray
    grid_minor: FloatArray
    open_due_minor: FloatArray
    conversion_minor: FloatArray
    own_course: Mapping[str, Sequence[PacedDay]] = field(default_factory=dict)


def assess(
    aim: Aim, standing: Standing, courses: Courses, actuals: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Return how a forecast stands to a target, JSON values; amounts in whole minor units.

    Parameters
    ----------
    courses
        Past quarters by week.
    actuals
        By period and node: ended quarters, as known at the origin; of all that the target covers,
        see `unknown_quarters`.
    """
    window = _Window(aim, standing, courses)
    earlier, _ = window.earlier(actuals)
    attained = earlier + window.in_so_far
    grid = earlier + window.grid
    after = aim.target.end > standing.quarter.end
    due = aim.amount_minor * (window.days_share_by_quarter_end if after else 1.0)
    chance = _chance(grid, due)
    return {
        **_named(aim),
        "covers": window.covers,
        "attained_minor": round(attained),
        "attainment": attained / aim.amount_minor,
        "remaining_minor": round(max(aim.amount_minor - attained, 0.0)),
        "due_by_quarter_end_minor": round(due),
        "p50_minor": round(float(grid[MEDIAN])),
        "gap_minor": round(due - float(grid[MEDIAN])),
        "p_hit": None if after else chance,
        "p_on_pace": chance if after else None,
        "pacing": window.pacing(due - earlier),
        "coverage": window.coverage(max(due - attained, 0.0)),
        "notes": window.notes,
    }


def unknown_quarters(
    aim: Aim, standing: Standing, actuals: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Return the earlier quarters that a target covers and of which nothing is known."""
    return _Window(aim, standing, Courses({}, {})).earlier(actuals)[1]


def chance_to_reach(grid_minor: FloatArray, amount_minor: float) -> float:
    """Return P(outcome >= amount), 0-1, off quantiles of shape (21,).

    Examples
    --------
    >>> chance_to_reach(np.full(21, 5.0), 5.0)
    1.0
    """
    return _chance(grid_minor, amount_minor)


class _Window:
    """The part of one quarter that counts for one target."""

    def __init__(self, aim: Aim, standing: Standing, courses: Courses) -> None:
        self.aim, self.standing, self.courses = aim, standing, courses
        self.quarter = standing.quarter
        self.at = standing.nodes.index(aim.node)
        self.notes: list[str] = []
        target, origin = aim.target, standing.origin
        self.start = max(target.start, self.quarter.start)
        self.end = min(target.end, self.quarter.end)
        bounds = self.quarter.start, self.quarter.end
        self.whole = _is_stock(aim) or (self.start, self.end) == bounds
        self.to_date = float(standing.to_date_minor[self.at])
        before = 0.0 if _is_stock(aim) else self._in_by(min(self.start, origin))
        self.in_so_far = self._in_by(min(self.end, origin)) - before
        coming = self._coming_share()
        self.grid = self.in_so_far + coming * (standing.grid_minor[self.at] - self.to_date)
        if not self.whole:
            self.notes.append("part of the quarter: what is to come is split by past weeks' shares")

    @property
    def covers(self) -> str:
        """How the target's period lies to the quarter: ``quarter``, ``part`` or ``several``."""
        target = self.aim.target
        if _is_stock(self.aim):
            return "quarter"
        beyond = target.start < self.quarter.start or target.end > self.quarter.end
        return "several" if beyond else "quarter" if self.whole else "part"

    @property
    def days_share_by_quarter_end(self) -> float:
        """Share of the target's days that lie before the quarter's end."""
        target = self.aim.target
        return (self.quarter.end - target.start).days / (target.end - target.start).days

    def earlier(self, actuals: Mapping[str, Mapping[str, float]]) -> tuple[float, list[str]]:
        """Return what earlier quarters brought, minor units, and the quarters without an actual."""
        target, found, missing = self.aim.target, 0.0, list[str]()
        quarter = self.quarter.shift(-1)
        while quarter.end > target.start and not _is_stock(self.aim):
            actual = actuals.get(str(quarter), {}).get(self.aim.node)
            share = (quarter.end - max(quarter.start, target.start)).days / quarter.days
            if actual is None:
                missing.append(str(quarter))
            else:
                found += share * actual
                if share < 1:
                    self.notes.append(f"{quarter} counts by days, {share:.0%} of it")
            quarter = quarter.shift(-1)
        return found, missing

    def pacing(self, due: float) -> dict[str, Any] | None:
        """Return what is in, as a share of what is due, against the fan of past quarters."""
        fan = self.courses.fan(self.aim.node)
        week = self.quarter.week_of(self.standing.origin)
        if not self.whole or due <= 0 or not 0 <= week < len(fan) or np.isnan(fan[week, 0]):
            return None
        share, (low, middle, high) = self.to_date / due, fan[week].tolist()
        verdict = "behind" if share < low else "ahead" if share > high else "within"
        return {
            "week": week,
            "share": share,
            "p10": low,
            "p50": middle,
            "p90": high,
            "verdict": verdict,
            "of": self.courses.source(self.aim.node),
            "quarters": len(self.courses.shares(self.courses.source(self.aim.node))),
            "fan": [None if np.isnan(row[0]) else row.tolist() for row in fan],
        }

    def coverage(self, remaining: float) -> dict[str, Any] | None:
        """Return open pipeline against what is missing, and how much it would take."""
        pipeline = float(self.standing.open_due_minor[self.at])
        if np.isnan(pipeline):
            return None
        expected = float(self.standing.conversion_minor[self.at]) - self.to_date
        rate = expected / pipeline if pipeline > 0 and np.isfinite(expected) else 0.0
        needed = remaining / rate if rate > 0 else None
        return {
            "open_due_minor": round(pipeline),
            "ratio": pipeline / remaining if remaining > 0 else None,
            "usual_yield": rate if rate > 0 else None,
            "needed_minor": None if needed is None else round(needed),
            "short_minor": None if needed is None else round(max(needed - pipeline, 0.0)),
        }

    def _coming_share(self) -> float:
        """Return which share of what is still to come usually comes inside the window."""
        if self.whole:
            return 1.0
        origin = self.standing.origin
        by = [
            self.courses.share_by(self.aim.node, self.quarter, max(day, origin))
            for day in (self.start, self.end, origin)
        ]
        return (by[1] - by[0]) / (1 - by[2]) if by[2] < 1 and self.end > origin else 0.0

    def _in_by(self, day: date) -> float:
        """Return what was in before a day, off the line between origins, minor units."""
        known = [(self.quarter.start, 0.0)] if self.standing.origin > self.quarter.start else []
        known += list(self.standing.own_course.get(self.aim.node, ()))
        known += [(self.standing.origin, self.to_date)]
        points = dict(known)
        days = sorted(points)
        at = [one.toordinal() for one in days]
        return float(np.interp(day.toordinal(), at, [points[one] for one in days]))


def _is_stock(aim: Aim) -> bool:
    return METRICS[aim.target.metric][0] in STOCKS


def _named(aim: Aim) -> dict[str, Any]:
    target = aim.target
    return {
        "target_id": target.target_id,
        "level": target.level,
        "level_name": target.level_name,
        "node": aim.node,
        "metric": target.metric,
        "starts_on": target.start.isoformat(),
        "ends_before": target.end.isoformat(),
        "target_minor": aim.amount_minor,
    }


def _chance(grid: FloatArray, amount: float) -> float:
    if grid[-1] <= grid[0]:  # nothing is open any more
        return float(grid[0] >= amount)
    return float(1 - share_below(grid, amount))
