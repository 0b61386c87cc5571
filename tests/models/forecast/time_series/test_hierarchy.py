"""Sums of series: means that add up, intervals that know how series move together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lifecycle.errors import DataError, TableError, UsageError
from models.forecast.time_series.forecast import Question, forecast_series
from models.forecast.time_series.hierarchy import draw_ranks, read_hierarchy, tie_series
from tests.models.forecast.time_series.tables import quick, table, wave

SUMS = pd.DataFrame({"node": ["all", "first", "a"], "a": [1, 1, 1], "b": [1, 1, 0], "c": [1, 0, 0]})
ASK = Question(4, 12)


def _found(shared: float, sign: float = 1.0) -> pd.DataFrame:
    common = np.random.default_rng(9).normal(0, 10, 60)
    signs = {"a": 1.0, "b": sign, "c": 1.0}
    given = {
        name: wave(60, seed=n, level=200) + shared * signs[name] * common
        for n, name in enumerate("abc")
    }
    return forecast_series(table(**given), ASK, hierarchy=read_hierarchy(SUMS), fit=quick)


def _width(found: pd.DataFrame, name: str) -> float:
    rows = found[found["unique_id"] == name]
    return float((rows["hi_80"] - rows["lo_80"]).mean())


def test_means_of_nodes_are_the_sums_of_their_series() -> None:
    means = _found(1.0).set_index("unique_id")["mean"]
    total = sum(means[name].to_numpy() for name in "abc")
    assert np.abs(means["all"].to_numpy() - total).max() < 1e-6


def test_a_row_of_one_series_under_its_own_name_is_no_node() -> None:
    assert read_hierarchy(SUMS).nodes == ("all", "first")


def test_series_that_move_together_add_up_to_a_wide_sum() -> None:
    found = _found(1.0)
    assert _width(found, "first") > 0.85 * (_width(found, "a") + _width(found, "b"))


def test_series_that_move_apart_add_up_to_a_narrow_sum() -> None:
    found = _found(1.0, sign=-1.0)
    assert _width(found, "first") < 0.6 * (_width(found, "a") + _width(found, "b"))


def test_draws_of_every_series_are_evenly_spread() -> None:
    ranks = draw_ranks(np.array([[1.0, 0.9], [0.9, 1.0]]))
    assert np.allclose(np.sort(ranks[0]), np.sort(ranks[1]))
    assert np.corrcoef(ranks)[0, 1] > 0.8


def test_a_few_changes_lean_on_the_common_mean() -> None:
    rng = np.random.default_rng(2)
    values = [np.cumsum(rng.normal(size=8)) for _ in range(20)]
    ties = tie_series(values, season=1)
    loose = np.corrcoef(np.diff(values, axis=1))
    away = ~np.eye(20, dtype=bool)
    assert ties[away].std() < 0.5 * loose[away].std()


def test_a_cell_that_is_neither_0_nor_1_is_named() -> None:
    with pytest.raises(TableError, match="node 'all', series 'b' is 2"):
        read_hierarchy(SUMS.assign(b=[2, 1, 0]))


def test_a_hierarchy_of_single_series_is_refused() -> None:
    with pytest.raises(TableError, match="without nodes"):
        read_hierarchy(SUMS[SUMS["node"] == "a"])


def test_a_series_missing_from_the_table_is_named() -> None:
    with pytest.raises(UsageError, match="series 'c' of the hierarchy is not in the table"):
        forecast_series(table(a=[1, 2], b=[1, 2]), ASK, hierarchy=read_hierarchy(SUMS))


def test_a_node_among_the_series_is_refused() -> None:
    given = table(a=[1, 2], b=[1, 2], c=[1, 2], first=[2, 4])
    with pytest.raises(UsageError, match="node 'first' is also a series"):
        forecast_series(given, ASK, hierarchy=read_hierarchy(SUMS))


def test_series_that_end_apart_have_no_sum() -> None:
    given = table(a=[1, 2], b=[1, 2], c=[1, 2, 3])
    with pytest.raises(DataError, match=r"end between 2020-02-01 .* and 2020-03-01"):
        forecast_series(given, ASK, hierarchy=read_hierarchy(SUMS))
