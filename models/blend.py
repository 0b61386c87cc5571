"""Bringing parts together so that they still add up: levels by day, and exact log mixtures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.base import Examples, FloatArray
from models.columns import Frame, read_numbers
from models.season import Season, carry_level, learn_season

DAY_COLUMN = "day_of_year"
SAME = 1e-12


@dataclass(frozen=True)
class Level:
    """Where all accounts together stand on the day of a frame, on a log or log-odds scale.

    Attributes
    ----------
    base
        Level of the latest closed days, free of season.
    slope
        How much the level moves with the log of the season's index.
    shape
        The season.
    """

    base: float
    slope: float
    shape: Season

    @classmethod
    def flat(cls) -> Self:
        """Return a level of zero without a season."""
        return cls(0.0, 0.0, Season((), ()))

    def season(self, frame: Frame) -> FloatArray:
        """Return shape (n,): what the season adds on the frame's day; 0 where it is unknown."""
        if self.slope == 0 or not self.shape.days:
            return np.zeros(frame.num_rows)
        day = read_numbers(frame, DAY_COLUMN)
        return np.nan_to_num(self.slope * np.log(np.maximum(self.shape.at(day), SAME)))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"base": self.base, "slope": self.slope, "shape": self.shape.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        return cls(float(data["base"]), float(data["slope"]), Season.from_json(data["shape"]))


def learn_level(
    examples: Examples,
    levels: Mapping[np.datetime64, float],
    *,
    slope: float,
    measure: str | None,
) -> Level:
    """Carry the latest days' levels forward, after taking the season out of them.

    Parameters
    ----------
    examples
        Past days.
    levels
        By past day its level, on a log or log-odds scale.
    slope
        How much the level moves with the log of the season's index.
    measure
        Window column that shows the season, with ``{n}``; ``None`` for no season.

    Returns
    -------
    Level
        Without a season where less than nine months are known.
    """
    if measure is None:
        return Level(carry_level(levels), 0.0, Season((), ()))
    shape, then = learn_season(examples, measure=measure)
    free = {
        day: level - slope * math.log(then[day])
        for day, level in levels.items()
        if then.get(day, 0.0) > 0
    }
    if not free or not (shape.days or shape.flat):
        return Level(carry_level(levels), 0.0, Season((), ()))
    return Level(carry_level(free), slope, shape)


def purchase_slope(buying_share: float) -> float:
    """Return how log-odds of buying move with the log of the purchase rate.

    With Poisson purchases P = 1 - exp(-r), so d logit P / d log r = r / (1 - exp(-r)).

    Examples
    --------
    >>> round(purchase_slope(0.43), 2)
    1.31
    """
    rate = -math.log(1.0 - min(max(buying_share, 0.01), 0.99))
    return rate / (1.0 - math.exp(-rate))


def log_mean(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the logarithmic mean (a - b) / (log a - log b) of positive numbers, shape (n,).

    It turns a difference into a difference of logs exactly, which is how a sum is explained on
    the log scale (additive LMDI decomposition; Ang 2005).

    Examples
    --------
    >>> log_mean(np.array([2.0, 3.0]), np.array([2.0, 1.0])).round(4).tolist()
    [2.0, 1.8205]
    """
    gap = np.log(left) - np.log(right)
    near = np.abs(gap) < 1e-7
    safe = np.where(near, 1.0, gap)
    return np.where(near, (left + right) / 2.0, (left - right) / safe)
