"""Small tables of series for these tests, and a member that fits in no time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.forecast.time_series.members import Fit, FloatArray, repeat_season


def quick(_name: str, y: FloatArray, *, horizon: int, season: int) -> Fit:
    """Say what a seasonal naive rule says, whatever the member's name."""
    return repeat_season(y, horizon=horizon, season=season)


def table(**series: Sequence[float]) -> pd.DataFrame:
    """Return a table of monthly series that all begin in January 2020."""
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2020-01-01", periods=len(y), freq="MS"),
                "y": np.array(y, dtype=float),
            }
        )
        for name, y in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


def wave(months: int, *, seed: int, level: float = 100.0) -> Any:
    """Return a series with a year's season, a trend and noise."""
    rng = np.random.default_rng(seed)
    steps = np.arange(months)
    season = 10 * np.sin(2 * np.pi * steps / 12)
    return level + season + 0.3 * steps + rng.normal(0, 3, months)
