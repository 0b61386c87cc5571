"""``forecast_series``: a table of series in, a table of forecasts with intervals out.

The library fits; the rest is ours. Members are asked at past origins of the panel first
(`origins`), their weights learned there (`weights`) and their errors turned into quantiles
(`calibration`); then they are asked today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle.console import SilentTicker, Ticker
from lifecycle.errors import NotEnoughHistoryError, UsageError
from models.forecast.time_series.calibration import deviations, error_scale
from models.forecast.time_series.hierarchy import Hierarchy, forecast_nodes
from models.forecast.time_series.members import fit_member
from models.forecast.time_series.origins import look_back, plan_origins
from models.forecast.time_series.panel import Panel, read_panel
from models.forecast.time_series.voices import FitOne, Voices, hear
from models.forecast.time_series.weights import combine, learn_weights

FloatArray = NDArray[np.float64]

MOST_HORIZON = 1000


@dataclass(frozen=True)
class Question:
    """What is asked of every series.

    Parameters
    ----------
    horizon
        Steps ahead, 1 to 1,000.
    season
        Steps a season: 12 for months, 4 for quarters, 1 for none.
    levels
        Percent of futures an interval holds, each above 0 and below 100.

    Raises
    ------
    UsageError
        One of them is out of range.
    """

    horizon: int
    season: int = 1
    levels: tuple[float, ...] = (50.0, 80.0, 95.0)

    def __post_init__(self) -> None:
        if not 1 <= self.horizon <= MOST_HORIZON:
            raise UsageError(f"horizon {self.horizon}", f"1 to {MOST_HORIZON} steps")
        if self.season < 1:
            raise UsageError(f"season {self.season}", "1 (none) or the steps of a season")
        # a tail of less than 1e-10 would round to none
        wrong = [level for level in self.levels if not 0 < _tail(level) < 0.5]
        if wrong:
            raise UsageError(f"level {wrong[0]:g}", "percent above 0 and below 100, as 80")

    @property
    def shares(self) -> list[float]:
        """Return the quantiles that the levels need, increasing, in (0, 1)."""
        tails = {_tail(level) for level in self.levels}
        return sorted(tails | {round(1 - tail, 10) for tail in tails})


def _tail(level: float) -> float:
    return round(0.5 - level / 200, 10)


@dataclass(frozen=True)
class Outlook:
    """The forecast of a panel, at every quantile.

    Attributes
    ----------
    path
        Shape (series, horizon), unit of the series.
    errors
        Shape (paths, horizon): what was missed at past origins, over each path's scale.
    width, naive
        As in `calibration.error_scale`.
    least
        Shape (series,): the least a value can be, 0 for a series that was never negative.
    weights
        Shape (members,), in the order of `voices.MEMBERS`.
    """

    path: FloatArray
    errors: FloatArray
    width: FloatArray
    naive: FloatArray
    least: FloatArray
    weights: FloatArray

    def quantiles(self, shares: Sequence[float]) -> FloatArray:
        """Return shape (shares, series, horizon), non-decreasing along increasing shares."""
        around = deviations(self.errors, shares, width=self.width, naive=self.naive)
        return np.maximum(self.path[None] + around, self.least[None, :, None])


def forecast_series(
    frame: Any,
    question: Question,
    *,
    hierarchy: Hierarchy | None = None,
    progress: Ticker | None = None,
    fit: FitOne = fit_member,
) -> pd.DataFrame:
    """Forecast every series of a table.

    Parameters
    ----------
    frame
        Columns ``unique_id``, ``ds``, ``y`` as `panel.read_panel` takes them.
    question
        Horizon, season and levels.
    hierarchy
        Sums of series to forecast along; see `hierarchy.Hierarchy`.
    progress
        Told of each series done; `count_steps` says of how many.
    fit
        What fits one library model; a study passes one that keeps its fits.

    Returns
    -------
    pandas.DataFrame
        ``unique_id``, ``ds``, ``mean`` and ``lo_80``, ``hi_80`` for each level; ``horizon`` rows a
        series in the order of the table, then those of the nodes. ``mean`` is also the median.

    Raises
    ------
    TableError, RowsError, DataError, NotEnoughHistoryError
        As `read_panel` says; or nothing tells how far a lone point can move.
    UsageError
        The hierarchy does not fit the table.
    """
    panel = read_panel(frame)
    if hierarchy is not None:
        hierarchy.check(panel)
    outlook = foresee(panel, question, progress=progress, fit=fit)
    around = outlook.quantiles(question.shares)
    table = _tabulate(panel, question, outlook.path, around)
    if hierarchy is None:
        return table
    nodes, path, around = forecast_nodes(
        hierarchy, panel, outlook, shares=question.shares, season=question.season
    )
    return pd.concat([table, _tabulate(nodes, question, path, around)], ignore_index=True)


def count_steps(panel: Panel, question: Question) -> int:
    """Return how many times `forecast_series` advances its ticker."""
    plans = plan_origins(panel.values, horizon=question.horizon, season=question.season)
    return len(panel.values) + sum(len(rows) for _, rows in plans)


def foresee(
    panel: Panel,
    question: Question,
    *,
    progress: Ticker | None = None,
    fit: FitOne = fit_member,
) -> Outlook:
    """Forecast a checked panel, quantiles still to be asked; parameters as `forecast_series`.

    Raises
    ------
    NotEnoughHistoryError
        A series has one point, and no other series tells how far such points move.
    """
    ticker, span = progress or SilentTicker(), (question.horizon, question.season)
    series = panel.values
    plans = plan_origins(series, horizon=span[0], season=span[1])
    past = look_back(series, plans, fit, span=span, ticker=ticker)
    weights = learn_weights(past.voices.paths, past.actual, past.voices.naive)
    missed = past.actual - combine(past.voices.paths, weights)
    errors = missed / error_scale(past.voices.width, past.voices.naive)
    today = hear(series, range(len(series)), fit, span=span, ticker=ticker)
    today = _lend_scale(panel, today)
    least = np.array([0.0 if y.min() >= 0 else -np.inf for y in series])
    path = np.maximum(combine(today.paths, weights), least[:, None])
    return Outlook(path, errors, today.width, today.naive, least, weights)


def _lend_scale(panel: Panel, voices: Voices) -> Voices:
    """Give a series of one point the panel's median scale, relative to its level."""
    alone = np.array([len(y) == 1 for y in panel.values])
    if not alone.any():
        return voices
    level = np.array([float(np.abs(y).mean()) for y in panel.values])
    known = ~alone & (level > 0)
    if not known.any():
        raise NotEnoughHistoryError(
            f"unique_id {panel.ids[int(np.flatnonzero(alone)[0])]}: one point",
            "two points, or other series that tell how far such points move",
        )
    naive, width = voices.naive.copy(), voices.width.copy()
    naive[alone] = level[alone] * np.median(naive[known] / level[known])
    share = np.median(voices.width[known] / level[known, None], axis=0)
    width[alone] = level[alone, None] * share
    return replace(voices, naive=naive, width=width)


def _tabulate(
    panel: Panel, question: Question, path: FloatArray, around: FloatArray
) -> pd.DataFrame:
    place = {round(share, 10): row for row, share in enumerate(question.shares)}
    columns = {"mean": path.ravel()}
    for level in question.levels:
        tail = _tail(level)
        columns[f"lo_{level:g}"] = around[place[tail]].ravel()
        columns[f"hi_{level:g}"] = around[place[round(1 - tail, 10)]].ravel()
    return pd.concat([panel.ahead(question.horizon), pd.DataFrame(columns)], axis=1)
