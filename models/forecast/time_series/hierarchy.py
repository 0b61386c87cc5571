"""Sums of series whose forecasts add up: means by addition, intervals from draws that are added.

A hierarchy is a table of 0 and 1: the first column names a node, every other column is a series,
1 where the node contains it. The path of a node is the sum of its series' paths. Its interval comes
from joint draws: each series from its own quantiles, tied by a normal copula, a node's draw being
the sum of its series' draws. The ties are rank correlations of the series' changes over a season,
drawn towards their common mean, since a few dozen changes cannot tell thousands of pairs apart.

Sources: Ben Taieb, Taylor and Hyndman 2021 (coherent probabilistic forecasts, bottom-up through a
copula); Schäfer and Strimmer 2005 (shrinkage to a constant correlation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifecycle.errors import DataError, TableError, UsageError
from models.forecast.time_series.panel import Panel

FloatArray = NDArray[np.float64]

DRAWS = 4000
GRID = tuple(np.concatenate([[0.001, 0.005], np.arange(1, 100) / 100, [0.995, 0.999]]).tolist())
PRIOR_CHANGES = 20.0
"""How many changes the common mean correlation is worth."""
SEED = 20260105


class Quantiles(Protocol):
    """A forecast that answers at any quantile, as `forecast.Outlook` does."""

    @property
    def path(self) -> FloatArray:
        """Return shape (series, horizon)."""

    def quantiles(self, shares: Sequence[float]) -> FloatArray:
        """Return shape (shares, series, horizon)."""


@dataclass(frozen=True)
class Hierarchy:
    """Which series a node adds up.

    Attributes
    ----------
    nodes
        Names of the sums, none of them a series.
    series
        Names of the series, as text.
    members
        Shape (nodes, series): 1.0 where the node contains the series.
    """

    nodes: tuple[str, ...]
    series: tuple[str, ...]
    members: FloatArray

    def check(self, panel: Panel) -> None:
        """Refuse a panel that lacks a series, or whose series end at different times.

        Raises
        ------
        UsageError
            A series of the hierarchy is not in the table, or a node has the name of a series.
        DataError
            The series end at different times, so that no sum of them is a forecast of one time.
        """
        names = {str(name) for name in panel.ids}
        missing = sorted(set(self.series) - names)
        if missing:
            raise UsageError(
                f"series {missing[0]!r} of the hierarchy is not in the table",
                "its columns to be values of unique_id",
                "correct the name, or leave the column out",
            )
        double = sorted(set(self.nodes) & names)
        if double:
            raise UsageError(
                f"node {double[0]!r} is also a series of the table",
                "the table to hold the lowest series only",
                "leave the rows of the node out: its values are the sums",
            )
        mine = self.rows(panel)
        if len(set(panel.ends[mine].tolist())) > 1:
            last = panel.calendar.dates(panel.ends[mine])
            raise DataError(
                f"series of the hierarchy end between {last.min()} and {last.max()}",
                "all to end at the same time",
                "cut them at the first of these, or bring the others up to date",
            )

    def rows(self, panel: Panel) -> list[int]:
        """Return where its series stand in a checked panel."""
        place = {str(name): row for row, name in enumerate(panel.ids)}
        return [place[name] for name in self.series]


def read_hierarchy(table: Any) -> Hierarchy:
    """Read the table of 0 and 1; a row of one series under its own name is passed over.

    Parameters
    ----------
    table
        A pandas frame or an Arrow table: nodes in the first column, one further column a series.

    Raises
    ------
    TableError
        There is no node, or a cell is neither 0 nor 1.
    """
    frame = table if isinstance(table, pd.DataFrame) else table.to_pandas()
    names = [str(name) for name in frame.iloc[:, 0]] if frame.shape[1] else []
    series = [str(name) for name in frame.columns[1:]]
    values = frame.iloc[:, 1:].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise TableError(
            f"hierarchy: node {names[row]!r}, series {series[column]!r} is "
            f"{frame.iloc[row, column + 1]!s}",
            "0 or 1 in every cell after the first column",
        )
    own = [name in series and values[row].sum() == 1 for row, name in enumerate(names)]
    keep = [row for row, same in enumerate(own) if not same and values[row].any()]
    if not keep:
        raise TableError("a hierarchy without nodes", "rows that add up two series or more")
    return Hierarchy(tuple(names[row] for row in keep), tuple(series), values[keep])


def forecast_nodes(
    hierarchy: Hierarchy,
    panel: Panel,
    outlook: Quantiles,
    *,
    shares: Sequence[float],
    season: int,
) -> tuple[Panel, FloatArray, FloatArray]:
    """Add up the forecasts of the series.

    Parameters
    ----------
    hierarchy
        Checked against the panel.
    panel
        The series.
    outlook
        Their forecast.
    shares
        In (0, 1), increasing.
    season
        Steps a season.

    Returns
    -------
    tuple
        A panel that names the nodes; paths, shape (nodes, horizon); quantiles, shape (shares,
        nodes, horizon). Unit of the series.
    """
    rows = hierarchy.rows(panel)
    ranks = draw_ranks(tie_series([panel.values[row] for row in rows], season=season))
    grid = outlook.quantiles(GRID)[:, rows]
    path = hierarchy.members @ outlook.path[rows]
    around = np.empty((len(shares), *path.shape))
    for step in range(path.shape[1]):
        draws = [np.interp(u, GRID, grid[:, row, step]) for row, u in enumerate(ranks)]
        around[:, :, step] = np.quantile(hierarchy.members @ np.array(draws), shares, axis=1)
    ends = np.full(len(hierarchy.nodes), panel.ends[rows[0]])
    return Panel(hierarchy.nodes, (), ends, panel.calendar), path, around


def tie_series(values: Sequence[FloatArray], *, season: int) -> FloatArray:
    """Return shape (series, series): how the series' changes over a season go together.

    Parameters
    ----------
    values
        Series of one last time, oldest first; the changes that all of them have are used.
    season
        Steps a season; a change over one step where a series has no whole season.
    """
    count = len(values)
    known = min(map(len, values))
    lag = season if known > season + 1 else 1
    if known < lag + 2 or count < 2:
        return np.eye(count)
    changes = np.array([y[-known:][lag:] - y[-known:][:-lag] for y in values])
    ranks = changes.argsort(axis=1).argsort(axis=1).astype(np.float64)
    found = np.corrcoef(ranks)
    mean = max((found.sum() - count) / (count * (count - 1)), 0.0)
    common = np.where(np.eye(count, dtype=bool), 1.0, mean)
    trust = changes.shape[1] / (changes.shape[1] + PRIOR_CHANGES)
    return np.asarray(trust * found + (1.0 - trust) * common)


def draw_ranks(ties: FloatArray) -> FloatArray:
    """Return shape (series, DRAWS): evenly spread shares in (0, 1), tied as told."""
    values, vectors = np.linalg.eigh(ties)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = root @ np.random.default_rng(SEED).standard_normal((len(ties), DRAWS))
    return np.asarray((draws.argsort(axis=1).argsort(axis=1) + 0.5) / DRAWS)
