from __future__ import annotations

import numpy as np
import pytest

from lifecycle.errors import DataError
from models.accuracy import crps_ensemble, interval_score, pinball
from models.forecast.grid import LEVELS, at_level, grid_of, normal_grid, share_below
from models.forecast.scoring import pit_of, score_grid, score_range

RNG = np.random.default_rng(31)
MEANS = RNG.uniform(50, 150, 400)
GRID = normal_grid(MEANS, np.full(400, 20.0))
ACTUAL = RNG.normal(MEANS, 20.0)


def test_errors_are_forecast_less_actual() -> None:
    found = score_grid(GRID[:1], [110.0], [100.0], to_date_minor=[25.0])
    assert found.error_minor[0] == pytest.approx(MEANS[0] - 100)
    assert found.mean_error_minor[0] == pytest.approx(10)
    assert found.to_date_share[0] == pytest.approx(0.25)


def test_the_interval_score_is_the_published_one() -> None:
    low, high = at_level(GRID, 0.1), at_level(GRID, 0.9)
    found = score_grid(GRID, MEANS, ACTUAL).score80_minor.mean()
    assert found == pytest.approx(interval_score(ACTUAL, low, high, level=0.8))


def test_pinball_is_the_mean_over_the_deciles() -> None:
    every = [pinball(ACTUAL, at_level(GRID, q / 10), quantile=q / 10) for q in range(1, 10)]
    assert score_grid(GRID, MEANS, ACTUAL).pinball_minor.mean() == pytest.approx(np.mean(every))


def test_the_crps_of_a_grid_is_near_that_of_its_draws() -> None:
    draws = RNG.normal(100, 20, (40, 4000))
    actual = RNG.normal(100, 20, 40)
    found = score_grid(grid_of(draws), draws.mean(axis=1), actual).crps_minor.mean()
    assert found == pytest.approx(crps_ensemble(actual, draws), rel=0.02)


def test_right_distributions_cover_what_they_say() -> None:
    found = score_grid(GRID, MEANS, ACTUAL)
    for level in (50, 80, 95):
        share = getattr(found, f"inside{level}").mean()
        assert share == pytest.approx(level / 100, abs=0.06)
    assert np.histogram(found.pit, 10, (0, 1))[0].min() > 20


def test_the_pit_is_the_share_below_where_nothing_piles_up() -> None:
    assert pit_of(GRID, ACTUAL) == pytest.approx(share_below(GRID, ACTUAL))


@pytest.mark.parametrize(
    ("grid", "actual", "expected"),
    [
        ([100.0] * 21, 100.0, 0.5),
        ([100.0] * 21, 99.0, 0.0),
        ([100.0] * 21, 101.0, 1.0),
        ([50.0] * 11 + [float(60 + step) for step in range(10)], 50.0, 0.25),
        ([float(step) for step in range(10)] + [90.0] * 11, 90.0, 0.75),
        ([float(step) for step in range(21)], 4.0, LEVELS[4]),
    ],
)
def test_half_of_what_piles_up_at_the_actual_counts(
    grid: list[float], actual: float, expected: float
) -> None:
    assert pit_of(np.array([grid]), np.array([actual]))[0] == pytest.approx(expected)


def test_a_range_scores_what_three_quantiles_can() -> None:
    ends = GRID[:, [LEVELS.index(level) for level in (0.1, 0.5, 0.9)]]
    whole, ranged = score_grid(GRID, MEANS, ACTUAL), score_range(ends, MEANS, ACTUAL)
    assert np.array_equal(whole.score80_minor, ranged.score80_minor)
    assert np.isnan(ranged.crps_minor).all()


def test_rows_are_plain_and_unknown_is_none() -> None:
    row = next(score_range([[80, 100, 120]], [100], [0], to_date_minor=[0.0]).rows())
    assert row["inside80"] is False
    assert row["pit"] is row["to_date_share"] is None
    assert (row["error_minor"], row["score80_minor"]) == (100.0, 40.0 + 800.0)


@pytest.mark.parametrize(
    ("grid", "mean", "actual"),
    [
        (GRID[:2], MEANS[:2], ACTUAL[:1]),
        (GRID[:1, :20], MEANS[:1], ACTUAL[:1]),
        (GRID[:1], [np.nan], ACTUAL[:1]),
        (GRID[:1], MEANS[:1], [np.inf]),
        (GRID[:1, ::-1], MEANS[:1], ACTUAL[:1]),
    ],
)
def test_what_cannot_be_scored_is_refused(grid: object, mean: object, actual: object) -> None:
    with pytest.raises(DataError):
        score_grid(grid, mean, actual)  # type: ignore[arg-type]
