import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.forecast.grid import (
    LEVELS,
    MEDIAN,
    at_level,
    crps_of,
    grid_of,
    grid_of_ends,
    interval,
    normal_grid,
    normal_score,
    share_below,
    stretch,
)

STANDARD = normal_grid([0.0], [1.0])
draws = st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=40)


def test_the_grid_holds_the_ends_of_every_interval_we_show():
    assert {0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975} <= set(LEVELS)
    assert LEVELS[MEDIAN] == 0.5


@given(draws)
def test_quantiles_of_draws_never_cross(values):
    assert (np.diff(grid_of(np.array(values))) >= 0).all()


def test_a_normals_interval_is_the_textbooks():
    low, high = interval(STANDARD, 0.8)
    assert (low[0], high[0]) == pytest.approx((-1.2816, 1.2816), abs=1e-4)
    assert at_level(STANDARD, 0.975)[0] == pytest.approx(1.96, abs=1e-3)


def test_stretching_keeps_the_median_and_scales_every_distance():
    wide = stretch(normal_grid([5.0], [1.0]), [2.0])
    assert wide[0] == pytest.approx(normal_grid([5.0], [2.0])[0])


def test_nothing_falls_below_the_floor():
    wide = stretch(normal_grid([5.0], [1.0]), [9.0], floor=[4.0])
    assert wide.min() == 4.0
    assert wide[0, MEDIAN] == 5.0


@pytest.mark.parametrize("value", [-3.0, -1.0, 0.0, 0.4, 2.5])
def test_the_chance_to_fall_short_is_the_normals(value):
    from statistics import NormalDist

    found = share_below(STANDARD, [value])[0]
    assert found == pytest.approx(NormalDist().cdf(value), abs=0.003)


def test_a_score_counts_deviations_on_its_own_side():
    skewed = grid_of_ends([-2.5631], [0.0], [1.28155])
    assert normal_score(skewed, [-2.0])[0] == pytest.approx(-1.0, abs=1e-3)
    assert normal_score(skewed, [2.0])[0] == pytest.approx(2.0, abs=1e-3)


def test_a_certain_number_scores_nothing_when_right_and_all_when_wrong():
    certain = normal_grid([7.0], [0.0])
    assert normal_score(certain, [7.0])[0] == 0.0
    assert normal_score(certain, [8.0])[0] == np.inf
    assert share_below(certain, [8.0])[0] == 1.0


def test_crps_of_the_grid_is_near_that_of_many_draws():
    sample = np.random.default_rng(1).normal(size=4000)
    brute = np.abs(sample - 0.7).mean() - np.abs(sample[:, None] - sample).mean() / 2
    assert crps_of(grid_of(sample)[None, :], [0.7])[0] == pytest.approx(brute, rel=0.02)


def test_ends_that_were_kept_give_their_quantiles_back():
    low, high = interval(grid_of_ends([1.0], [2.0], [5.0]), 0.8)
    assert (low[0], high[0]) == pytest.approx((1.0, 5.0))


def test_nothing_lies_below_a_floor_on_which_quantiles_pile_up():
    floored = stretch(normal_grid([5.0], [1.0]), [1.0], floor=[4.5])
    assert share_below(floored, [4.5])[0] == share_below(floored, [4.0])[0] == 0.0
    assert share_below(floored, [4.6])[0] > 0.3


@given(draws, st.floats(-1e9, 1e9))
def test_what_lies_below_grows_with_the_value(values, at):
    grid = grid_of(np.array(values))
    found = [float(share_below(grid, x)) for x in sorted({at, *values})]
    assert (np.diff(found) >= -1e-12).all()
    assert 0.0 <= found[0] <= found[-1] <= 1.0
