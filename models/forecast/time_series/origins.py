"""The panel's own past: what members said at earlier origins, and what came.

Origins stand whole horizons apart before the end of each series, so that no stretch is judged
twice. A large panel is judged on a sample spread evenly over it, a small one on more origins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifecycle.console import Ticker
from models.forecast.time_series.voices import FEWEST, MEMBERS, FitOne, Voices, hear, is_plain

FloatArray = NDArray[np.float64]

FEWEST_ORIGINS, MOST_ORIGINS = 3, 12
WANTED_PATHS = 60
MOST_TRIED = 130
"""Series judged at one origin."""


@dataclass(frozen=True)
class Past:
    """Paths that members gave at past origins, beside what came.

    Attributes
    ----------
    voices
        Of (paths) rather than series.
    actual
        Shape (paths, horizon), unit of its series.
    """

    voices: Voices
    actual: FloatArray


def plan_origins(
    series: Sequence[FloatArray], *, horizon: int, season: int
) -> list[tuple[int, list[int]]]:
    """Return (steps before the end, rows judged there), nearest origin first.

    Parameters
    ----------
    series
        One array a series, oldest first.
    horizon, season
        In steps.
    """
    count = min(max(math.ceil(WANTED_PATHS / len(series)), FEWEST_ORIGINS), MOST_ORIGINS)
    least = max(2 * season + 1, FEWEST + 3)
    plans = []
    for back in range(horizon, horizon * count + 1, horizon):
        able = [
            row
            for row, y in enumerate(series)
            if len(y) - back >= least and not is_plain(y[: len(y) - back])
        ]
        chosen = np.unique(np.linspace(0, len(able) - 1, MOST_TRIED).round().astype(int))
        if able:
            plans.append((back, [able[place] for place in chosen]))
    return plans


def look_back(
    series: Sequence[FloatArray],
    plans: Sequence[tuple[int, list[int]]],
    fit: FitOne,
    *,
    span: tuple[int, int],
    ticker: Ticker,
) -> Past:
    """Ask the members at past origins.

    Parameters
    ----------
    series
        One array a series, oldest first.
    plans
        From `plan_origins`.
    fit
        What fits one library model.
    span
        Horizon and season, in steps.
    ticker
        Told of each path.
    """
    horizon = span[0]
    heard, actual = [], [np.empty((0, horizon))]
    for back, rows in plans:
        known = [y[: max(len(y) - back, 0)] for y in series]
        heard.append(hear(known, rows, fit, span=span, ticker=ticker))
        actual.append(
            np.array([series[row][len(known[row]) : len(known[row]) + horizon] for row in rows])
        )
    if not heard:
        nothing = np.empty((len(MEMBERS), 0, horizon))
        return Past(Voices(nothing, np.empty((0, horizon)), np.empty(0)), actual[0])
    return _moving(
        Voices(
            np.concatenate([one.paths for one in heard], axis=1),
            np.concatenate([one.width for one in heard]),
            np.concatenate([one.naive for one in heard]),
        ),
        np.concatenate(actual),
    )


def _moving(voices: Voices, actual: FloatArray) -> Past:
    """Leave out the paths of series that repeat themselves exactly: they have no scale."""
    keep = (voices.naive > 0) & (voices.width > 0).all(axis=1)
    return Past(Voices(voices.paths[:, keep], voices.width[keep], voices.naive[keep]), actual[keep])
