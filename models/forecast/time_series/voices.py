"""What all members say of many series from one origin: their paths, their spread, the scale.

A path of one member far from all others is drawn in, since one model that runs away would take the
mean with it. Series of fewer than `FEWEST` points know one rule only, the last value again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifecycle.console import SilentTicker, Ticker
from models.forecast.time_series.members import RANGE80, Fit, repeat_season
from models.forecast.time_series.pooled import pooled_paths
from models.forecast.time_series.scales import naive_error

FloatArray = NDArray[np.float64]
FitOne = Callable[..., Fit]

LOCAL = ("ets", "theta", "ces", "short_arima", "stl")
MEMBERS = (*LOCAL, "pooled")
FEWEST = 5
FLAT = 1e-12
FARTHEST = 2.0
"""How many naive errors a member may be away from the members' median."""


@dataclass(frozen=True)
class Voices:
    """Members' answers for the same series from the same origin.

    Attributes
    ----------
    paths
        Shape (members, series, horizon), unit of the series; NaN where a member is absent.
    width
        Shape (series, horizon): standard deviation by the models' own account, disagreement
        included.
    naive
        Shape (series,): what a seasonal naive rule misses, 0 for a constant.
    """

    paths: FloatArray
    width: FloatArray
    naive: FloatArray


def hear(
    panel: Sequence[FloatArray],
    rows: Sequence[int],
    fit: FitOne,
    *,
    span: tuple[int, int],
    ticker: Ticker | None = None,
) -> Voices:
    """Ask every member about some series of a panel.

    Parameters
    ----------
    panel
        All series as known at the origin, oldest first; the pooled members learn from each.
    rows
        Which of them to forecast.
    fit
        What fits one library model: `members.fit_member`, or a keeper of its fits.
    span
        Horizon and season, in steps.
    ticker
        Told of each series.
    """
    horizon, season = span
    pooled = pooled_paths(panel, horizon=horizon, season=season)
    paths = np.full((len(MEMBERS), len(rows), horizon), np.nan)
    width = np.zeros((len(rows), horizon))
    for place, row in enumerate(rows):
        local = _ask_local(panel[row], fit, horizon=horizon, season=season)
        paths[: len(local), place] = [one.mean for one in local]
        paths[-1, place] = pooled[row]
        width[place] = np.median([_deviation(one) for one in local], axis=0)
        (ticker or SilentTicker()).advance()
    naive = np.array([naive_error(panel[row], season) for row in rows])
    paths = _draw_in(paths, naive)
    return Voices(paths, np.sqrt(width**2 + np.nanvar(paths, axis=0)), naive)


def _ask_local(y: FloatArray, fit: FitOne, *, horizon: int, season: int) -> list[Fit]:
    """Return the answers of the local members in their order; the last needs two seasons."""
    if is_plain(y):
        return [repeat_season(y, horizon=horizon, season=1)]
    used = season if len(y) > 2 * season else 1
    names = LOCAL if used > 1 else LOCAL[:-1]
    return [fit(name, y, horizon=horizon, season=used) for name in names]


def is_plain(y: FloatArray) -> bool:
    """Tell whether a series is too short or too flat for any model but its last value."""
    return len(y) < FEWEST or float(np.ptp(y)) <= FLAT * float(np.abs(y).max())


def _deviation(one: Fit) -> FloatArray:
    return np.asarray((one.high - one.low) / (2.0 * RANGE80))


def _draw_in(paths: FloatArray, naive: FloatArray) -> FloatArray:
    middle = np.nanmedian(paths, axis=0)
    room = FARTHEST * naive[:, None]
    return np.asarray(np.clip(paths, middle - room, middle + room))
