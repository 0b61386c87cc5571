"""The common shocks of a world: four AR(1) paths that no single account can see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lifecycle.world.presets import WorldParams

FloatArray = npt.NDArray[np.float64]

MONTH_WEEKS = 365.25 / 12.0 / 7.0
NAMES = ("win", "churn", "volume", "price")


@dataclass(frozen=True)
class MacroPath:
    """Shocks by week, float64 arrays of shape (weeks + 1,); known to truth only.

    The last element belongs to the instant at which the clock stops.

    Parameters
    ----------
    win
        Added to the log-odds of winning a deal.
    churn
        Added to the log-odds of every way of leaving.
    volume
        Log multiplier of the number of leads and deals created.
    price
        Added to the price change asked for at a renewal (a share: .01 = 1 point).
    """

    win: FloatArray
    churn: FloatArray
    volume: FloatArray
    price: FloatArray


def build_macro(params: WorldParams, rng: np.random.Generator) -> MacroPath:
    """Draw the whole path, in the ``shock`` variant with its break.

    Parameters
    ----------
    params
        The world.
    rng
        The stream ``macro``.
    """
    count = params.weeks + 1
    paths = stationary_sds(params) * rng.standard_normal(4)
    columns = np.empty((count, 4))
    for week in range(count):
        columns[week] = paths
        paths = next_shocks(params, paths, rng)
    if params.variant == "shock":
        columns[params.break_week :, 0] += params.shocks.break_win
        columns[params.break_week :, 1] += params.shocks.break_churn
    return MacroPath(*(columns[:, at].copy() for at in range(4)))


def stationary_sds(params: WorldParams) -> FloatArray:
    """Return the standard deviation of win, churn, volume and price, shape (4,)."""
    shocks = params.shocks
    return np.array([shocks.win_sd, shocks.churn_sd, shocks.volume_sd, shocks.price_sd])


def next_shocks(params: WorldParams, shocks: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Move shocks by one week: AR(1) with the stationary deviation kept.

    Parameters
    ----------
    params
        The world.
    shocks
        Win, churn, volume and price around their level, shape (..., 4).
    rng
        Where the innovations come from.
    """
    memory = params.shocks.monthly_memory ** (1.0 / MONTH_WEEKS)
    noise = rng.standard_normal(shocks.shape) * stationary_sds(params)
    moved: FloatArray = memory * shocks + float(np.sqrt(1.0 - memory**2)) * noise
    return moved


def shock_level(params: WorldParams, week: int) -> FloatArray:
    """Return the level around which the shocks move in a week, shape (4,): 0 without a break."""
    level = np.zeros(4)
    if params.variant == "shock" and week >= params.break_week:
        level[:2] = params.shocks.break_win, params.shocks.break_churn
    return level
