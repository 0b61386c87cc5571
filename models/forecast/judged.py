"""Past forecasts of a target, scored with what one snapshot knows, and nothing later.

Of every forecast only sums are kept: how far each leg missed at each level of the tree, against
how much of the quarter was still to come, and how many deviations the outcome lay off. Each quarter
counts once, however many weeks it was forecast in, because its weeks share one outcome.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from models.forecast.grid import MEDIAN, FloatArray, normal_score
from models.forecast.nodes import TOTAL, dimension_of
from models.forecast.raw import Leg

WEEK_KERNEL = 3.0
"""Weeks: a forecast made three weeks off counts about a third."""

SMALLEST_SCALE_SHARE = 0.25
FARTHEST_SCORE = 5.0
"""Deviations at which an outcome counts no further: one quarter must not set the widths alone."""


@dataclass(frozen=True)
class Said:
    """What was said of one target, quarter and origin, before widths were stretched.

    Parameters
    ----------
    period, origin, week
        The quarter's name, the as-of day and the week of the quarter it lies in.
    nodes
        ``total`` first.
    legs
        By name, the combined one included.
    to_date_minor
        (nodes,) what of the quarter was in already, minor units.
    share_left
        Days of the quarter that were still to come, as a share.
    """

    period: str
    origin: date
    week: int
    nodes: tuple[str, ...]
    legs: Mapping[str, Leg]
    to_date_minor: FloatArray
    share_left: float


@dataclass(frozen=True)
class Missed:
    """How far one leg missed at one level; sums over the level's nodes.

    Parameters
    ----------
    squared, scale_squared
        Squared error of the mean, and squared size of what was to come (minor units squared).
    absolute, actual
        Absolute error of the median, and absolute actual (minor units).
    score_squared
        Mean squared deviations from the median, nodes weighing by what was to come.
    """

    squared: float
    scale_squared: float
    absolute: float
    actual: float
    score_squared: float


@dataclass(frozen=True)
class Judged:
    """One past forecast, scored.

    Parameters
    ----------
    period, origin, week
        As in `Said`.
    missed
        By leg and level (``total``, ``segment``, …).
    """

    period: str
    origin: date
    week: int
    missed: Mapping[tuple[str, str], Missed]

    def spoke(self, leg: str) -> bool:
        """Return whether a leg said anything of the total."""
        return (leg, TOTAL) in self.missed


def judge(said: Said, actual: Mapping[str, float]) -> Judged:
    """Score what was said against the quarter's actuals by node, minor units.

    Nodes without an actual are left out: a name that has since vanished was never to be.
    """
    known = np.array([actual.get(node, np.nan) for node in said.nodes])
    levels = np.array([dimension_of(node) for node in said.nodes])
    missed = {}
    for name, leg in said.legs.items():
        gap = known - leg.mean_minor
        even = SMALLEST_SCALE_SHARE * np.abs(known) * said.share_left
        scale = np.maximum(np.abs(leg.mean_minor - said.to_date_minor), even)
        score = np.clip(normal_score(leg.grid_minor, known), -FARTHEST_SCORE, FARTHEST_SCORE)
        off = np.abs(known - leg.grid_minor[:, MEDIAN])
        usable = np.isfinite(gap) & (scale > 0)
        for level in np.unique(levels[usable]):
            rows = usable & (levels == level)
            missed[name, str(level)] = Missed(
                float((gap[rows] ** 2).sum()),
                float((scale[rows] ** 2).sum()),
                float(off[rows].sum()),
                float(np.abs(known[rows]).sum()),
                float(np.average(score[rows] ** 2, weights=scale[rows])),
            )
    return Judged(said.period, said.origin, said.week, missed)


def paired(judged: Iterable[Judged], legs: Collection[str]) -> list[Judged]:
    """Keep the forecasts in which every one of the legs spoke."""
    return [one for one in judged if all(one.spoke(leg) for leg in legs)]


def same_footing(judged: Iterable[Judged], leg: str, *, speaks: bool) -> list[Judged]:
    """Keep the forecasts in which a leg spoke, or those in which it did not.

    Errors made before a company had a year behind it say nothing of forecasts made with one: the
    year-ago rule's voice tells the two apart.
    """
    return [one for one in judged if one.spoke(leg) == speaks]


def near_week(
    judged: Iterable[Judged], leg: str, *, level: str, week: int
) -> tuple[float, float, int]:
    """Return a leg's relative squared error and squared score near a week, and the quarters behind.

    Errors are relative to what was still to come; all three are 0 where the leg was never judged.
    """
    sums: dict[str, list[float]] = {}
    for one in judged:
        found = one.missed.get((leg, level))
        if found is not None:
            weight = float(np.exp(-abs(one.week - week) / WEEK_KERNEL))
            entry = sums.setdefault(one.period, [0.0, 0.0, 0.0, 0.0])
            entry[0] += weight * found.squared
            entry[1] += weight * found.scale_squared
            entry[2] += weight * found.score_squared
            entry[3] += weight
    if not sums:
        return 0.0, 0.0, 0
    error = float(np.mean([squared / scale for squared, scale, _, _ in sums.values()]))
    score = float(np.mean([scored / weight for _, _, scored, weight in sums.values()]))
    return error, score, len(sums)


def pooled_wape(judged: Sequence[Judged], leg: str) -> tuple[float, int]:
    """Return a leg's WAPE of the median at the total over all forecasts, and its quarters."""
    rows = [(one.period, one.missed[leg, TOTAL]) for one in judged if one.spoke(leg)]
    size = sum(found.actual for _, found in rows)
    error = sum(found.absolute for _, found in rows)
    return (error / size if size else 0.0), len({period for period, _ in rows})


def quarters_nearer(judged: Sequence[Judged], leg: str, other: str) -> int:
    """Return in how many quarters a leg's absolute errors at the total sum to less than another's.

    Only forecasts in which both spoke may be given: `paired` keeps them.
    """
    gaps: dict[str, float] = {}
    for one in judged:
        gap = one.missed[leg, TOTAL].absolute - one.missed[other, TOTAL].absolute
        gaps[one.period] = gaps.get(one.period, 0.0) + gap
    return sum(gap < 0 for gap in gaps.values())
