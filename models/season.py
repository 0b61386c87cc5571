"""How strong a time of year is, and where the company's level stands: learned from past days only.

Spend over the next H days swings with the calendar far more than customers do. So a model learns
*customers* with every past day brought to one level, and the level of the day it speaks for comes
from here: (level of the latest closed days, free of season) x (season of this time of year).

The season of a day D is the company's spend in the window that starts a year before D, over the
average window of that year. It is read off the frames themselves: the sum over accounts of
``spend_90d_minor`` on day t is what the company sold in ``[t - 90, t)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.base import DayArray, Examples, FloatArray
from models.columns import Frame, read_numbers

WINDOWS_DAYS = (30, 90, 180)
YEAR_DAYS = 365
FARTHEST_DAYS = 31
LEAST_KNOWN_DAYS = 270
LATEST_DAYS = 4
SEASON_COLUMNS = (
    "month_sin",
    "month_cos",
    "day_of_year",
    "history_days",
    "company_momentum_ratio",
    "segment_momentum_ratio",
)
"""Columns that are the same for all accounts of a day: the season's, never the customer model's."""


@dataclass(frozen=True)
class Season:
    """The company's year: how strong a window is, by the day of the year on which it starts.

    Attributes
    ----------
    days
        Days of the year (1-366) on which known windows start, ascending.
    index
        Strength of each, 1.0 = an average window. Both empty where less than nine months are
        known, or the horizon is about a year: every index is then NaN, or 1.
    flat
        Whether the horizon covers the whole year, so that there is no season.
    """

    days: tuple[float, ...]
    index: tuple[float, ...]
    flat: bool = False

    def at(self, day_of_year: FloatArray) -> FloatArray:
        """Return shape (n,): the index of windows that start on these days.

        NaN where no known window starts within a month of the day.
        """
        if self.flat:
            return np.ones(len(day_of_year))
        if not self.days:
            return np.full(len(day_of_year), np.nan)
        known = np.array(self.days)
        away = np.abs(np.subtract.outer(day_of_year, known))
        nearest = np.minimum(away, YEAR_DAYS - away).min(axis=1)
        index = np.interp(day_of_year, known, self.index, period=float(YEAR_DAYS))
        return np.where(nearest <= FARTHEST_DAYS, index, np.nan)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"days": list(self.days), "index": list(self.index), "flat": self.flat}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_json``."""
        return cls(tuple(data["days"]), tuple(data["index"]), bool(data["flat"]))


@dataclass(frozen=True)
class Totals:
    """Company totals by past day: ``days`` ascending, ``window`` of the last W days, ``year``."""

    days: DayArray
    window: FloatArray
    year: FloatArray
    covered: FloatArray
    window_days: int


def learn_season(examples: Examples, *, measure: str) -> tuple[Season, dict[np.datetime64, float]]:
    """Learn the year's shape, and the index each past day would have been given at the time.

    Parameters
    ----------
    examples
        Past days; the frames' window columns are read, the labels are not.
    measure
        Column name with ``{n}`` for the window's days, as ``spend_{n}d_minor``.

    Returns
    -------
    tuple
        The season to use from now on, and by past day its index: from the year before it where
        that is known, else from its own year. Nothing after the last past day is read.
    """
    if examples.horizon_days >= 270:
        flat = dict.fromkeys(np.unique(examples.as_of), 1.0)
        return Season((), (), flat=True), flat
    totals = _sum_days(examples, measure)
    starts = totals.days - np.timedelta64(totals.window_days, "D")
    season = _shape_of(totals, starts)
    return season, _index_then(totals, starts, season)


def _sum_days(examples: Examples, measure: str) -> Totals:
    width = min(WINDOWS_DAYS, key=lambda n: abs(n - examples.horizon_days))
    days, place = np.unique(examples.as_of, return_inverse=True)
    window = np.bincount(place, _column(examples.frame, measure.format(n=width)))
    year = np.bincount(place, _column(examples.frame, measure.format(n=YEAR_DAYS)))
    covered = np.zeros(len(days))
    np.maximum.at(covered, place, _column(examples.frame, "history_days"))
    return Totals(days, window.astype(np.float64), year.astype(np.float64), covered, width)


def _shape_of(totals: Totals, starts: DayArray) -> Season:
    """Return the latest year of windows over that year's average; empty below nine months."""
    first_known = totals.days[-1] - np.timedelta64(int(totals.covered[-1]), "D")
    latest = starts > starts[-1] - np.timedelta64(YEAR_DAYS, "D")
    keep = latest & (starts >= first_known)
    average = totals.year[-1] * totals.window_days / min(totals.covered[-1], YEAR_DAYS)
    if not keep.any() or average <= 0 or totals.covered[-1] < LEAST_KNOWN_DAYS:
        return Season((), ())
    order = np.argsort(_day_of_year(starts[keep]))
    days = _day_of_year(starts[keep])[order]
    index = (totals.window[keep] / average)[order]
    return Season(tuple(days.tolist()), tuple(index.tolist()))


def _index_then(totals: Totals, starts: DayArray, season: Season) -> dict[np.datetime64, float]:
    """By day: the window a year before it over the year before it, both known on that day.

    A day in the first year has no year before it and gets the index of its own time of year.
    """
    found: dict[np.datetime64, float] = {}
    known, own = _number(starts), season.at(_day_of_year(totals.days))
    for place, day in enumerate(totals.days):
        ago = float(_number(np.array([day]))[0]) - YEAR_DAYS
        index = own[place]
        if known[0] <= ago and totals.year[place] > 0:
            sold = np.interp(ago, known, totals.window)
            index = sold / (totals.year[place] * totals.window_days / YEAR_DAYS)
        if index > 0:
            found[day] = float(index)
    return found


def carry_level(levels: Mapping[np.datetime64, float], *, latest: int = LATEST_DAYS) -> float:
    """Return the mean of the latest days' levels (on a log or logit scale); 0 without any."""
    days = sorted(levels)[-latest:]
    return float(np.mean([levels[day] for day in days])) if days else 0.0


def _column(frame: Frame, name: str) -> FloatArray:
    values = read_numbers(frame, name)
    return np.nan_to_num(values)


def _number(days: DayArray) -> FloatArray:
    return days.astype("datetime64[D]").astype(np.float64)


def _day_of_year(days: DayArray) -> FloatArray:
    whole = days.astype("datetime64[D]")
    begins = whole.astype("datetime64[Y]").astype("datetime64[D]")
    return np.asarray((whole - begins).astype(np.float64) + 1.0)
