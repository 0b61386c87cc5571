"""How right one forecast was, once its quarter has ended: every row's own scores, no averages.

With quantiles q at the levels of ``models.forecast.grid`` and the actual A, all in minor units:

- error = P50 - A, mean error = mean - A; above 0 is over-forecasting
- CRPS as in ``grid.crps_of``; pinball = mean over the nine deciles l of
  max(l (A - q), (l - 1)(A - q)), so twice its sum over the sum of A is the weighted quantile loss
  (Gneiting and Raftery 2007)
- PIT = P(outcome < A) + half of P(outcome = A), which is level also where draws pile up on a floor
- inside = ends included; interval score at 80 % = (P90 - P10) + 10 (P10 - A)+ + 10 (A - P90)+
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from lifecycle.errors import DataError
from models.forecast.grid import LEVELS, FloatArray, crps_of, interval, normal_score

_AT = np.array(LEVELS)
_DECILES = np.array([LEVELS.index(round(step / 10, 1)) for step in range(1, 10)])
_RANGE = [LEVELS.index(level) for level in (0.1, 0.5, 0.9)]
_PENALTY = 10.0  # 2 / alpha of the interval score, alpha = 0.2 for P10..P90


@dataclass(frozen=True)
class Scores:
    """Scores of forecasts, each column of shape (rows,); money in the unit of the quantiles.

    Parameters
    ----------
    actual_minor, error_minor, mean_error_minor
        What happened, and how far P50 and mean lay above it.
    crps_minor, pinball_minor, pit
        Of the whole distribution; NaN where only a range was said.
    inside50, inside80, inside95
        Whether the central interval held the actual; 50 and 95 are NaN, 0 or 1.
    width80_minor, score80_minor
        P90 - P10 and its interval score.
    to_date_share
        Share of the actual that was in at the origin; NaN where unknown or the actual is zero.
    """

    actual_minor: FloatArray
    error_minor: FloatArray
    mean_error_minor: FloatArray
    crps_minor: FloatArray
    pinball_minor: FloatArray
    pit: FloatArray
    inside50: FloatArray
    inside80: FloatArray
    inside95: FloatArray
    width80_minor: FloatArray
    score80_minor: FloatArray
    to_date_share: FloatArray

    def rows(self) -> Iterator[dict[str, float | bool | None]]:
        """Yield one mapping per row, ``None`` for what is not known, ready to be written."""
        names = [column.name for column in fields(self)]
        columns = [getattr(self, name).tolist() for name in names]
        for values in zip(*columns, strict=True):
            yield {name: _plain(name, one) for name, one in zip(names, values, strict=True)}


def score_grid(
    grid_minor: ArrayLike,
    mean_minor: ArrayLike,
    actual_minor: ArrayLike,
    *,
    to_date_minor: ArrayLike = np.nan,
) -> Scores:
    """Score distributions against what happened.

    Parameters
    ----------
    grid_minor
        (rows, 21), none below the one before.
    mean_minor, actual_minor
        (rows,).
    to_date_minor
        (rows,) or one number; NaN where it is not known.

    Raises
    ------
    DataError
        Shapes do not agree, a number is not finite, or quantiles cross.
    """
    grid, mean, actual = _checked(grid_minor, mean_minor, actual_minor, width=len(LEVELS))
    gap = actual[:, None] - grid[:, _DECILES]
    loss = np.maximum(_AT[_DECILES] * gap, (_AT[_DECILES] - 1) * gap)
    ranged = score_range(grid[:, _RANGE], mean, actual, to_date_minor=to_date_minor)
    return Scores(
        **{
            **vars(ranged),
            "crps_minor": crps_of(grid, actual),
            "pinball_minor": loss.mean(axis=1),
            "pit": pit_of(grid, actual),
            "inside50": _inside(grid, actual, 0.5),
            "inside95": _inside(grid, actual, 0.95),
        }
    )


def score_range(
    range_minor: ArrayLike,
    mean_minor: ArrayLike,
    actual_minor: ArrayLike,
    *,
    to_date_minor: ArrayLike = np.nan,
) -> Scores:
    """Score forecasts of which only P10, P50 and P90 were kept, shape (rows, 3).

    What needs the whole distribution is NaN; the rest is as in `score_grid`.

    Raises
    ------
    DataError
        Shapes do not agree, a number is not finite, or quantiles cross.
    """
    ends, mean, actual = _checked(range_minor, mean_minor, actual_minor, width=len(_RANGE))
    low, middle, high = ends.T
    missed = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    to_date = np.broadcast_to(np.asarray(to_date_minor, np.float64), actual.shape)
    share = np.divide(to_date, actual, out=np.full(len(actual), np.nan), where=actual != 0)
    unknown = np.full(len(actual), np.nan)
    return Scores(
        actual_minor=actual,
        error_minor=middle - actual,
        mean_error_minor=mean - actual,
        crps_minor=unknown,
        pinball_minor=unknown,
        pit=unknown,
        inside50=unknown,
        inside80=np.asarray(missed == 0, np.float64),
        inside95=unknown,
        width80_minor=high - low,
        score80_minor=high - low + _PENALTY * missed,
        to_date_share=share,
    )


def pit_of(grid_minor: FloatArray, actual_minor: FloatArray) -> FloatArray:
    """Return P(outcome < A) + half of P(outcome = A), shape (rows,), from quantiles (rows, 21).

    Several quantiles of one value are a pile of probability there, such as a floor at what is
    already in; half of the pile counts. Beyond the ends the tail is that of
    ``grid.share_below``.
    """
    rows, last = np.arange(len(grid_minor)), len(LEVELS) - 1
    below = (grid_minor < actual_minor[:, None]).sum(axis=1)
    upto = (grid_minor <= actual_minor[:, None]).sum(axis=1)
    before, after = np.clip(below - 1, 0, last), np.clip(below, 0, last)
    left, right = grid_minor[rows, before], grid_minor[rows, after]
    part = np.divide(actual_minor - left, right - left, where=right > left, out=np.zeros(len(rows)))
    between = _AT[before] + part * (_AT[after] - _AT[before])
    pile_from = np.where(below == 0, 0.0, _AT[after])
    pile_to = np.where(upto > last, 1.0, _AT[np.clip(upto - 1, 0, last)])
    ties = upto - below
    found = np.where(ties > 1, (pile_from + pile_to) / 2, np.where(ties == 1, _AT[after], between))
    for row in np.flatnonzero((ties == 0) & ((below == 0) | (below > last))):
        found[row] = _tail(grid_minor[row], actual_minor[row])
    return found


def _tail(grid: FloatArray, actual: float) -> float:
    share = NormalDist().cdf(float(normal_score(grid, actual)))
    return min(share, LEVELS[0]) if actual < grid[0] else max(share, LEVELS[-1])


def _inside(grid: FloatArray, actual: FloatArray, level: float) -> FloatArray:
    low, high = interval(grid, level)
    return np.asarray((low <= actual) & (actual <= high), np.float64)


def _checked(
    quantiles: ArrayLike, mean: ArrayLike, actual: ArrayLike, *, width: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    grid, middle, truth = (np.asarray(one, np.float64) for one in (quantiles, mean, actual))
    rows = len(truth) if truth.ndim == 1 else -1
    if grid.shape != (rows, width) or middle.shape != (rows,):
        found = f"quantiles {grid.shape}, means {middle.shape} and actuals {truth.shape}"
        raise DataError(found, f"({width} quantiles,) of as many rows", "give one row a forecast")
    if not all(np.isfinite(one).all() for one in (grid, middle, truth)):
        raise DataError("a quantile, mean or actual is not finite", "finite numbers")
    if (np.diff(grid, axis=1) < 0).any():
        raise DataError("quantiles that cross", "none below the one before", "sort them")
    return grid, middle, truth


def _plain(name: str, value: float) -> float | bool | None:
    """Turn NaN into None, and what is a flag into one."""
    if value != value:
        return None
    return bool(value) if name.startswith("inside") else value
