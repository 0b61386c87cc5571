import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from lifecycle.errors import DataError
from models import accuracy
from tests import reference

ROWS = st.integers(2, 40)
SEEDS = st.integers(0, 10_000)
ON_NUMBERS = ["mae", "rmse", "r2", "wape", "bias_share", "spearman", "gini_normalised"]
ON_SCORES = ["auc", "average_precision"]
ON_PROBABILITIES = ["log_loss", "brier"]


def numbers(seed, n):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, n) + np.arange(n) % 2 + 0.5, rng.integers(0, 6, n) / 2.0


def outcomes(seed, n):
    rng = np.random.default_rng(seed)
    return np.append(rng.integers(0, 2, n - 2), [0, 1]), rng.integers(1, 10, n) / 10.0


@pytest.mark.parametrize("name", ON_NUMBERS)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=ROWS)
def test_a_measure_of_amounts_equals_its_plain_version(name, seed, n):
    y, f = numbers(seed, n)
    if len(set(y)) == 1:
        y[0] += 1.0
    expected = getattr(reference, name)(list(y), list(f))
    assert getattr(accuracy, name)(y, f) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ON_SCORES + ON_PROBABILITIES)
@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=ROWS)
def test_a_measure_of_outcomes_equals_its_plain_version(name, seed, n):
    y, p = outcomes(seed, n)
    expected = getattr(reference, name)(list(y), list(p))
    assert getattr(accuracy, name)(y, p) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=ROWS)
def test_a_measure_of_intervals_equals_its_plain_version(seed, n):
    y, low = numbers(seed, n)
    high = low + 2.0
    assert accuracy.coverage(y, low, high) == pytest.approx(reference.coverage(y, low, high))
    assert accuracy.interval_score(y, low, high, level=0.8) == pytest.approx(
        reference.interval_score(y, low, high, 0.8)
    )
    assert accuracy.pinball(y, low, quantile=0.3) == pytest.approx(reference.pinball(y, low, 0.3))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=ROWS)
def test_the_crps_of_draws_equals_its_plain_version(seed, n):
    rng = np.random.default_rng(seed)
    y, draws = rng.normal(size=n), rng.normal(size=(n, 7))
    assert accuracy.crps_ensemble(y, draws) == pytest.approx(reference.crps_ensemble(y, draws))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, season=st.integers(1, 4))
def test_the_scaled_error_equals_its_plain_version(seed, season):
    y, f = numbers(seed, 5)
    past = np.random.default_rng(seed).normal(size=12)
    expected = reference.mase(list(y), list(f), list(past), season)
    assert accuracy.mase(y, f, history=past, season=season) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=ROWS)
def test_the_lift_equals_its_plain_version_when_no_score_is_tied(seed, n):
    y, _ = outcomes(seed, n)
    score = np.random.default_rng(seed).permutation(n)
    expected = reference.lift_at(list(y), list(score), 0.3)
    assert accuracy.lift_at(y, score, share=0.3) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=ROWS)
def test_ranking_measures_agree_with_scikit_learn(seed, n):
    y, p = outcomes(seed, n)
    assert accuracy.auc(y, p) == pytest.approx(metrics.roc_auc_score(y, p))
    expected = metrics.average_precision_score(y, p)
    assert accuracy.average_precision(y, p) == pytest.approx(expected)


def test_the_calibration_slope_undoes_a_stretch_of_the_logits():
    rng = np.random.default_rng(3)
    logit = rng.normal(size=40_000)
    y = rng.random(40_000) < 1.0 / (1.0 + np.exp(-logit))
    stretched = 1.0 / (1.0 + np.exp(-2.0 * logit))
    assert accuracy.calibration_slope(y, stretched) == pytest.approx(0.5, abs=0.02)


def test_the_calibration_slope_stays_finite_on_a_separable_outcome():
    assert np.isfinite(accuracy.calibration_slope([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]))


def test_a_score_that_orders_nothing_earns_what_chance_earns():
    y, flat = np.array([0.0, 1.0, 1.0, 0.0]), np.full(4, 0.3)
    assert accuracy.auc(y, flat) == 0.5
    assert accuracy.spearman(y, flat) == 0.0
    assert accuracy.gini_normalised(y, flat) == 0.0
    assert accuracy.lift_at(y, flat, share=0.25) == 1.0


@pytest.mark.parametrize("name", ON_NUMBERS + ON_SCORES + ON_PROBABILITIES)
@pytest.mark.parametrize(
    ("y", "f"), [([], []), ([1.0], [1.0, 0.0]), ([np.nan, 1.0], [0.0, 1.0]), ([[1.0]], [[1.0]])]
)
def test_unusable_input_is_a_data_error(name, y, f):
    with pytest.raises(DataError):
        getattr(accuracy, name)(y, f)


@pytest.mark.parametrize("name", ON_SCORES)
@pytest.mark.parametrize("y", [[0, 0, 0], [0, 1, 2]])
def test_outcomes_without_a_case_or_beyond_yes_and_no_are_a_data_error(name, y):
    with pytest.raises(DataError):
        getattr(accuracy, name)(y, [0.1, 0.2, 0.3])


def test_a_probability_above_one_is_a_data_error():
    with pytest.raises(DataError):
        accuracy.log_loss([0, 1], [0.5, 1.5])


def test_an_interval_upside_down_is_a_data_error():
    with pytest.raises(DataError):
        accuracy.coverage([1.0], [2.0], [1.0])
