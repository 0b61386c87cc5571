"""One linear autoregression learned from all series of a panel at once.

Every stretch of every series is an example: its last values, less their mean and over the series'
own scale, tell the next ones, each step by a regression of its own. A single series is too short
for so many coefficients; a panel is not, and what its series have in common is just what models
of one series cannot see. A panel with too few examples has no such member.

Source: Montero-Manso and Hyndman 2021 (a global linear model with long memory forecasts groups of
series as well as a model each).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.forecast.time_series.scales import naive_error

FloatArray = NDArray[np.float64]

EXAMPLES_A_COEFFICIENT = 10
RIDGE = 1e-3
"""Penalty as a share of the mean squared column: it only keeps the system solvable."""


def pooled_paths(series: Sequence[FloatArray], *, horizon: int, season: int) -> FloatArray:
    """Return shape (series, horizon): paths in the unit of each series; NaN where there is none.

    The mean of two regressions, one that sees values and one that sees the logarithm of positive
    series, each the mean of a shorter and a longer memory.

    Parameters
    ----------
    series
        One array a series, oldest first, finite; empty ones teach nothing.
    horizon
        Steps ahead.
    season
        Steps a season; 1 = none.
    """
    positive = [len(y) > 0 and float(y.min()) > 0 for y in series]
    plain = _both_memories(series, horizon=horizon, season=season)
    logged = [np.log(y) if one else y for y, one in zip(series, positive, strict=True)]
    seen = _both_memories(logged, horizon=horizon, season=season)
    with np.errstate(over="ignore"):
        seen[positive] = np.exp(seen[positive])
    return np.asarray((plain + seen) / 2.0)


def _both_memories(seen: Sequence[FloatArray], *, horizon: int, season: int) -> FloatArray:
    short, long = (_paths(seen, lags, horizon=horizon, season=season) for lags in _memories(season))
    return np.where(np.isfinite(long), (short + long) / 2.0, short)


def _memories(season: int) -> tuple[int, int]:
    """Return the two lengths of memory whose forecasts are averaged."""
    return (season + 1, 2 * season) if season > 2 else (4, 6)


def _paths(seen: Sequence[FloatArray], lags: int, *, horizon: int, season: int) -> FloatArray:
    centre = max(season, 3)
    scales = [naive_error(z, season) for z in seen]
    examples = [
        _centred(sliding_window_view(z, lags + horizon), lags, centre) / scale
        for z, scale in zip(seen, scales, strict=True)
        if len(z) >= lags + horizon and scale > 0
    ]
    paths = np.full((len(seen), horizon), np.nan)
    if sum(map(len, examples)) < EXAMPLES_A_COEFFICIENT * (lags + 1):
        return paths
    solved = _solve(examples, lags)
    for row, (z, scale) in enumerate(zip(seen, scales, strict=True)):
        if len(z) >= lags and scale > 0:
            level = z[-centre:].mean()
            last = np.append((z[-lags:] - level) / scale, 1.0)
            paths[row] = level + scale * (last @ solved)
    return paths


def _centred(windows: FloatArray, lags: int, centre: int) -> FloatArray:
    level = windows[:, lags - centre : lags].mean(axis=1, keepdims=True)
    return np.asarray(windows - level)


def _solve(examples: Sequence[FloatArray], lags: int) -> FloatArray:
    """Solve the ridge regression in which every series weighs the same, however long it is."""
    left = np.zeros((lags + 1, lags + 1))
    right = np.zeros((lags + 1, examples[0].shape[1] - lags))
    for windows in examples:
        known = np.column_stack([windows[:, :lags], np.ones(len(windows))])
        left += known.T @ known / len(windows)
        right += known.T @ windows[:, lags:] / len(windows)
    left += RIDGE * np.trace(left) / len(left) * np.eye(len(left))
    return np.asarray(np.linalg.solve(left, right), dtype=np.float64)
