"""Forecasts that were kept, read back as what was said: columns into legs by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.grid import grid_of_ends, stretch
from models.forecast.judged import Said
from models.forecast.nodes import common_names, dimension_of
from models.forecast.raw import Leg
from models.forecast.telling import SCALES


class Row(Protocol):
    """One leg's forecast of one node, minor units."""

    @property
    def node(self) -> str: ...
    @property
    def leg(self) -> str: ...
    @property
    def mean_minor(self) -> float: ...
    @property
    def p10_minor(self) -> float: ...
    @property
    def p50_minor(self) -> float: ...
    @property
    def p90_minor(self) -> float: ...
    @property
    def to_date_minor(self) -> float | None: ...


class Kept(Protocol):
    """What was kept of one target's forecast of one quarter from one origin."""

    @property
    def period(self) -> str: ...
    @property
    def origin(self) -> date: ...
    @property
    def week(self) -> int: ...
    @property
    def notes(self) -> Mapping[str, Any]: ...
    @property
    def rows(self) -> Sequence[Row]: ...


def read_said(kept: Kept, quarter: Quarter) -> Said:
    """Rebuild what was said, with widths as they were before they were stretched.

    Parameters
    ----------
    kept
        The forecast.
    quarter
        The quarter it speaks of.
    """
    nodes = common_names([row.node for row in kept.rows])
    place = {node: at for at, node in enumerate(nodes)}
    scales: Mapping[str, Mapping[str, float]] = kept.notes.get(SCALES, {})
    to_date = np.zeros(len(nodes))
    columns: dict[str, np.ndarray] = {}
    for row in kept.rows:
        told = columns.setdefault(row.leg, np.full((4, len(nodes)), np.nan))
        told[:, place[row.node]] = row.mean_minor, row.p10_minor, row.p50_minor, row.p90_minor
        to_date[place[row.node]] = row.to_date_minor or 0.0
    levels = [dimension_of(node) for node in nodes]
    left = (quarter.end - max(kept.origin, quarter.start)).days / quarter.days
    legs = {
        name: _leg(told, np.array([scales.get(name, {}).get(level, 1.0) for level in levels]))
        for name, told in columns.items()
    }
    return Said(kept.period, kept.origin, kept.week, nodes, legs, to_date, max(left, 0.0))


def _leg(told: np.ndarray, scale: np.ndarray) -> Leg:
    grid = grid_of_ends(told[1], told[2], told[3])
    return Leg(told[0], np.where(np.isfinite(grid), stretch(grid, 1.0 / scale), np.nan))
