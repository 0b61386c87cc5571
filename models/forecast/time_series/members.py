"""The library's models, one fit at a time: a path of means, its 80 % range, and fitted values.

A model is named by a short word; ``log_`` before it means that it saw the logarithm of a positive
series. The library fits; what is chosen, weighted and widened is the business of the other files.

Sources: statsforecast (AutoETS: Hyndman et al. 2002; DynamicOptimizedTheta: Fiorucci et al. 2016;
AutoCES: Svetunkov et al. 2022; AutoARIMA: Hyndman and Khandakar 2008; MSTL: Bandara et al. 2021).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEVEL = 80
RANGE80 = NormalDist().inv_cdf(0.9)
LOG = "log_"
LIBRARY = ("ets", "theta", "ces", "arima")
"""The four whose median is the rival, and the members every forecast of ours begins with."""


@dataclass(frozen=True)
class Fit:
    """What one model says of one series.

    Attributes
    ----------
    mean, low, high
        Shape (horizon,), unit of the series: the path and its 80 % range.
    fitted
        Shape (n,): one step ahead within the sample; NaN where there is none.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    fitted: FloatArray


def fit_member(name: str, y: FloatArray, *, horizon: int, season: int) -> Fit:
    """Fit one model of the library; where it refuses the series, repeat the last season.

    Parameters
    ----------
    name
        ``ets``, ``theta``, ``ces``, ``arima``, ``stl``, or one of them after ``log_``.
    y
        Shape (n,), finite, oldest first.
    horizon
        Steps ahead.
    season
        Steps a season; 1 = none.
    """
    if name.startswith(LOG):
        return _exponential(fit_member(name[4:], np.log(y), horizon=horizon, season=season))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = _model(name, season).forecast(y=y, h=horizon, level=[LEVEL], fitted=True)
    except Exception:  # the library raises bare ones for series it finds too short or too flat
        return repeat_season(y, horizon=horizon, season=season)
    fit = Fit(*(np.asarray(found[key], dtype=np.float64) for key in KEYS))
    finite = bool(np.isfinite(np.concatenate([fit.mean, fit.low, fit.high])).all())
    return fit if finite else repeat_season(y, horizon=horizon, season=season)


KEYS = ("mean", f"lo-{LEVEL}", f"hi-{LEVEL}", "fitted")


SHORT = {
    "max_p": 2, "max_q": 2, "max_P": 1, "max_Q": 1,
    "start_p": 1, "start_q": 1, "start_P": 0, "start_Q": 1,
    "approximation": True,
}  # fmt: skip
"""A search among few terms: a sixteenth of the time on long monthly series, and no less right."""


def _model(name: str, season: int) -> Any:
    from statsforecast import models

    return {
        "ets": lambda: models.AutoETS(season_length=season),
        "theta": lambda: models.DynamicOptimizedTheta(season_length=season),
        "ces": lambda: models.AutoCES(season_length=season),
        "arima": lambda: models.AutoARIMA(season_length=season),
        "stl": lambda: models.MSTL(season_length=season),
        "short_arima": lambda: models.AutoARIMA(season_length=season, **SHORT),
    }[name]()


def _exponential(fit: Fit) -> Fit:
    with np.errstate(over="ignore"):
        return Fit(*(np.exp(part) for part in (fit.mean, fit.low, fit.high, fit.fitted)))


def repeat_season(y: FloatArray, *, horizon: int, season: int) -> Fit:
    """Repeat the last season (the last value of a shorter series); a random walk's range."""
    lag = season if len(y) > season else 1
    mean = np.resize(y[-lag:], horizon)
    fitted = np.concatenate([np.full(min(lag, len(y)), np.nan), y[:-lag]])
    change = y[lag:] - y[:-lag]
    scale = float(np.sqrt(np.mean(change**2))) if len(change) else 0.0
    width = RANGE80 * scale * np.sqrt(np.arange(horizon) // lag + 1.0)
    return Fit(mean, mean - width, mean + width, fitted)
