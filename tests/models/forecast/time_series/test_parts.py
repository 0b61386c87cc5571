"""The parts of a forecast of series: pooled member, weights, widths, past origins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.forecast.time_series.calibration import deviations, unit_quantiles
from models.forecast.time_series.members import Fit, FloatArray, fit_member, repeat_season
from models.forecast.time_series.origins import MOST_TRIED, plan_origins
from models.forecast.time_series.pooled import pooled_paths
from models.forecast.time_series.voices import MEMBERS, hear
from models.forecast.time_series.weights import combine, learn_weights
from tests.models.forecast.time_series.tables import quick, wave

SHARES = (0.1, 0.5, 0.9)


def test_the_last_season_is_repeated() -> None:
    found = repeat_season(np.array([1.0, 2, 3, 4, 5, 6]), horizon=5, season=3)
    assert found.mean.tolist() == [4, 5, 6, 4, 5]


def test_a_model_that_the_library_refuses_repeats_the_season() -> None:
    y = np.array([1.0, 2, 4])
    found = fit_member("ces", y, horizon=2, season=12)
    assert np.isfinite(found.mean).all()


def test_a_pooled_member_learns_what_series_share() -> None:
    steps = np.arange(60)
    series = [np.exp(0.01 * steps + np.sin(steps / 2 + n) / 5) for n in range(30)]
    found = pooled_paths([y[:52] for y in series], horizon=8, season=1)
    come = np.array([y[52:] for y in series])
    assert np.abs(found / come - 1).mean() < 0.02


def test_a_single_series_feeds_no_pooled_member() -> None:
    assert np.isnan(pooled_paths([wave(60, seed=1)], horizon=6, season=12)).all()


def test_an_absent_member_takes_no_weight() -> None:
    paths = np.array([[[1.0]], [[np.nan]], [[4.0]]])
    assert combine(paths, np.array([0.5, 0.3, 0.5])).tolist() == [[2.5]]


def test_a_better_member_gets_more_weight_but_never_all() -> None:
    rng = np.random.default_rng(1)
    actual = rng.normal(size=(400, 3))
    paths = np.array([actual + 0.1 * rng.normal(size=(400, 3)), rng.normal(size=(400, 3))])
    found = learn_weights(paths, actual, np.ones(400))
    assert found.sum() == pytest.approx(1.0)
    assert 0.55 < found[0] < 0.9


def test_without_a_past_weights_are_equal() -> None:
    found = learn_weights(np.empty((4, 0, 3)), np.empty((0, 3)), np.empty(0))
    assert found.tolist() == [0.25] * 4


def test_errors_common_to_all_paths_do_not_return_as_bias() -> None:
    errors = 5.0 + np.random.default_rng(1).normal(size=(300, 4))
    assert np.abs(unit_quantiles(errors, SHARES)[1]).max() < 0.01


def test_many_past_errors_outweigh_what_the_models_say() -> None:
    errors = np.random.default_rng(1).normal(0, 3, size=(5000, 1))
    found = deviations(errors, SHARES, width=np.ones((1, 1)), naive=np.ones(1))
    assert found[2, 0, 0] == pytest.approx(3 * 1.28, rel=0.05)


def test_without_past_errors_the_models_range_is_widened() -> None:
    found = deviations(np.empty((0, 1)), SHARES, width=np.ones((1, 1)), naive=np.ones(1))
    assert found[2, 0, 0] == pytest.approx(1.1 * 1.2816, rel=1e-3)


def test_a_member_that_runs_away_is_drawn_in() -> None:
    def run_away(name: str, y: FloatArray, *, horizon: int, season: int) -> Fit:
        found = quick(name, y, horizon=horizon, season=season)
        return replace(found, mean=found.mean * 1e6) if name == "ets" else found

    y = wave(60, seed=1)
    heard = hear([y], [0], run_away, span=(3, 12))
    assert heard.paths[MEMBERS.index("ets")].max() < 2 * y.max()


def test_origins_stand_whole_horizons_apart() -> None:
    plans = plan_origins([wave(72, seed=n) for n in range(40)], horizon=6, season=12)
    assert [back for back, _ in plans] == [6, 12, 18]


def test_a_large_panel_is_judged_on_a_sample() -> None:
    plans = plan_origins([wave(60, seed=1)] * 1000, horizon=6, season=12)
    assert [len(rows) for _, rows in plans] == [MOST_TRIED] * 3


def test_a_lone_series_is_judged_at_more_origins() -> None:
    assert len(plan_origins([wave(160, seed=1)], horizon=6, season=12)) == 12


def test_short_series_are_not_judged() -> None:
    assert plan_origins([wave(20, seed=1)], horizon=6, season=12) == []
