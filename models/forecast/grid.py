"""A distribution as quantiles on one fixed grid: what is stored, combined, stretched and scored."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

LEVELS: tuple[float, ...] = (0.025, *(round(0.05 * step, 2) for step in range(1, 20)), 0.975)
"""Probabilities of the grid: it holds the ends of the 50, 80, 90 and 95 % intervals."""

MEDIAN = LEVELS.index(0.5)
_AT = np.array(LEVELS)
_NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
_Z80 = NormalDist().inv_cdf(0.9)
_ROUNDING = 0.5  # minor units: sums of draws in another order are not equal to the last bit


def grid_of(draws: ArrayLike) -> FloatArray:
    """Return the quantiles of draws, shape (..., 21), from shape (..., draws)."""
    found = np.quantile(np.asarray(draws, dtype=np.float64), _AT, axis=-1)
    return np.asarray(np.moveaxis(found, 0, -1), dtype=np.float64)


def normal_grid(mean: ArrayLike, deviation: ArrayLike) -> FloatArray:
    """Return quantiles of normals, shape (..., 21), from means and deviations of shape (...)."""
    centre, spread = (np.asarray(one, dtype=np.float64)[..., None] for one in (mean, deviation))
    return np.asarray(centre + spread * _NORMAL)


def grid_of_ends(low: ArrayLike, middle: ArrayLike, high: ArrayLike) -> FloatArray:
    """Return quantiles, shape (..., 21), of two half normals through P10, P50 and P90, each (...).

    For answers of which only these were kept.
    """
    ends = (np.asarray(one, dtype=np.float64)[..., None] for one in (low, middle, high))
    bottom, centre, top = ends
    spread = np.where(_NORMAL < 0, centre - bottom, top - centre) / _Z80
    return np.asarray(centre + spread * _NORMAL)


def at_level(grid: FloatArray, level: float) -> FloatArray:
    """Return the quantile at a probability of the grid's span, shape (...).

    Between two levels it is read off the straight line; 0.025 and 0.975 are the ends.
    """
    place = float(np.interp(level, _AT, np.arange(len(_AT))))
    low = min(int(place), len(_AT) - 2)
    part = place - low
    return np.asarray(grid[..., low] * (1 - part) + grid[..., low + 1] * part)


def interval(grid: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the ends of the central interval that holds a share (0.5, 0.8, 0.95), each (...)."""
    return at_level(grid, (1 - level) / 2), at_level(grid, (1 + level) / 2)


def stretch(grid: FloatArray, scale: ArrayLike, *, floor: ArrayLike = -np.inf) -> FloatArray:
    """Widen (or narrow) around the median; nothing falls below the floor, or rises from it.

    Parameters
    ----------
    grid
        Shape (..., 21).
    scale
        Factor of every distance to the median, shape (...).
    floor
        The least the outcome can be, shape (...).
    """
    factor, least = (np.asarray(one, dtype=np.float64)[..., None] for one in (scale, floor))
    centre = grid[..., MEDIAN : MEDIAN + 1]
    return _held(grid, centre + factor * (grid - centre), least)


def move(grid: FloatArray, by: ArrayLike, *, floor: ArrayLike = -np.inf) -> FloatArray:
    """Shift every quantile but those on the floor: the chance that nothing more comes stays.

    Parameters
    ----------
    grid
        Shape (..., 21).
    by
        What is added, shape (...).
    floor
        The least the outcome can be, shape (...); nothing falls below it.
    """
    added, least = (np.asarray(one, dtype=np.float64)[..., None] for one in (by, floor))
    return _held(grid, grid + added, least)


def _held(before: FloatArray, after: FloatArray, least: FloatArray) -> FloatArray:
    """Keep what lay on the floor there; a row that lies on it whole has no shape to keep."""
    on_floor = (before <= least + _ROUNDING) & (before[..., -1:] > least + _ROUNDING)
    return np.asarray(np.maximum(np.where(on_floor, least, after), least))


def share_below(grid: FloatArray, value: ArrayLike) -> FloatArray:
    """Return P(outcome < value), shape (...): what 1 minus it says is the chance to reach a target.

    Beyond the grid's ends the tail goes on like a normal's whose 80 % interval is the grid's; where
    quantiles pile up on a floor nothing lies below it.
    """
    asked = np.asarray(value, dtype=np.float64)
    scores = normal_score(grid, asked)
    inside = (asked > grid[..., 0]) & (asked < grid[..., -1])
    flat, points = grid.reshape(-1, len(_AT)), np.broadcast_to(asked, grid.shape[:-1]).ravel()
    found = [np.interp(x, row, _AT) for row, x in zip(flat, points, strict=True)]
    tails = np.array([NormalDist().cdf(z) for z in np.ravel(scores)])
    floored = flat[:, 0] == flat[:, 1]
    low, high = np.where(floored, 0.0, np.minimum(tails, _AT[0])), np.maximum(tails, _AT[-1])
    outer = np.where(points <= flat[:, 0], low, high)
    return np.where(inside, np.array(found).reshape(inside.shape), outer.reshape(inside.shape))


def normal_score(grid: FloatArray, value: ArrayLike) -> FloatArray:
    """Return how many deviations a value lies from the median, shape (...), by side.

    A side's deviation is its distance from the median to P10 or P90 over 1.28. Zero where a
    distribution has no spread and the value is its median; signed infinity where it is another.
    """
    asked = np.asarray(value, dtype=np.float64)
    centre = grid[..., MEDIAN]
    low, high = interval(grid, 0.8)
    gap = asked - centre
    spread = np.where(gap < 0, centre - low, high - centre) / _Z80
    with np.errstate(divide="ignore", invalid="ignore"):
        found = gap / spread
    return np.where(gap == 0, 0.0, found)


def crps_of(grid: FloatArray, actual: ArrayLike) -> FloatArray:
    """Return the continuous ranked probability score, shape (...), in the unit of the grid.

    Twice the pinball loss, integrated over the levels by the trapezoid rule, the outer levels
    standing for the tails (Gneiting and Raftery 2007).
    """
    known = np.asarray(actual, dtype=np.float64)[..., None]
    gap = known - grid
    loss = np.maximum(_AT * gap, (_AT - 1) * gap)
    edges = np.concatenate([[0.0], (_AT[1:] + _AT[:-1]) / 2, [1.0]])
    return np.asarray(2.0 * (loss * np.diff(edges)).sum(axis=-1))
