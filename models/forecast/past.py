"""Forecasts that were kept, read back as what was said: rows into legs by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from lifecycle.periods import Quarter
from models.forecast.grid import FloatArray, grid_of_ends, stretch
from models.forecast.judged import Said
from models.forecast.nodes import common_names, dimension_of
from models.forecast.raw import Leg

KeptRow = tuple[str, str, float, float, float, float, float | None]
"""node, leg, mean, P10, P50, P90 and what was in to date, minor units."""


def read_said(
    quarter: Quarter,
    origin: date,
    rows: Sequence[KeptRow],
    *,
    scales: Mapping[str, Mapping[str, float]],
) -> Said:
    """Rebuild what was said, with widths as they were before they were stretched.

    Parameters
    ----------
    quarter
        The quarter it speaks of.
    origin
        The as-of day.
    rows
        Every leg at every node.
    scales
        By leg and level, how far widths had been stretched.
    """
    nodes = common_names([row[0] for row in rows])
    place = {node: at for at, node in enumerate(nodes)}
    to_date = np.zeros(len(nodes))
    columns: dict[str, FloatArray] = {}
    for node, leg, mean, low, middle, high, in_already in rows:
        told = columns.setdefault(leg, np.full((4, len(nodes)), np.nan))
        told[:, place[node]] = mean, low, middle, high
        to_date[place[node]] = in_already or 0.0
    levels = [dimension_of(node) for node in nodes]
    left = (quarter.end - max(origin, quarter.start)).days / quarter.days
    legs = {
        name: _leg(told, np.array([scales.get(name, {}).get(level, 1.0) for level in levels]))
        for name, told in columns.items()
    }
    week = quarter.week_of(origin)
    return Said(str(quarter), origin, week, nodes, legs, to_date, max(left, 0.0))


def _leg(told: FloatArray, scale: FloatArray) -> Leg:
    grid = grid_of_ends(told[1], told[2], told[3])
    return Leg(told[0], np.where(np.isfinite(grid), stretch(grid, 1.0 / scale), np.nan))
