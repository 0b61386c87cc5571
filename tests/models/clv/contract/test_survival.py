"""Survival of contracts: published figures, known truths, and what is not seen."""

import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import beta as beta_law

from lifecycle.errors import DataError, NotEnoughHistoryError
from models.clv.contract.profile import profile_interval
from models.clv.contract.spells import build_spells
from models.clv.contract.survival import (
    Survival,
    choose_survival,
    fit_survival,
    score_survival,
)
from tests.models.clv.contract.lives import cohort, draw_spells

# Fader and Hardie 2007, survivors of 1,000 after each of seven years
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
YEARS = np.arange(1.0, 8.0)


@pytest.mark.parametrize(
    ("survivors", "published"),
    [(HIGH_END, (0.668, 3.806, -1611.2)), (REGULAR, (0.704, 1.182, -1680.3))],
)
def test_sbg_gives_the_published_estimates(survivors, published):
    fit = fit_survival(cohort(survivors), free_pace=False)
    assert (fit.a, fit.b) == pytest.approx(published[:2], abs=5e-4)
    assert fit.log_likelihood == pytest.approx(published[2], abs=0.05)


def test_the_published_high_end_survival_is_reproduced():
    observed = np.array(HIGH_END[1:]) / 1000
    plain, wide = (fit_survival(cohort(HIGH_END), free_pace=free) for free in (False, True))
    assert plain.survival(YEARS) == pytest.approx(observed, abs=0.02)
    assert wide.survival(YEARS) == pytest.approx(observed, abs=0.005)


def test_sbg_forecasts_the_published_years_that_it_did_not_see():
    fit = fit_survival(cohort(HIGH_END), free_pace=False)
    assert fit.survival(np.arange(8.0, 13.0)) == pytest.approx(
        [0.468, 0.445, 0.427, 0.409, 0.394], abs=0.03
    )


@pytest.mark.parametrize("c", [0.75, 1.0, 1.4])
def test_survival_is_the_mean_over_customers(c):
    curve, law = Survival(0.8, 6.0, c), beta_law(0.8, 6.0)
    for age in (1.0, 4.0, 20.0):
        mean = quad(lambda p, age=age: law.pdf(p) * (1 - p) ** (age**c), 0, 1, limit=200)[0]
        assert curve.survival(age) == pytest.approx(mean, rel=1e-4)


@pytest.mark.parametrize("truth", [(0.8, 20.0, 0.75), (0.8, 8.0, 1.35), (1.2, 30.0, 1.0)])
def test_the_intervals_hold_the_truth_in_most_worlds(truth):
    held = []
    for seed in range(4):
        lives = draw_spells(seed, 3000, truth)
        found = profile_interval(fit_survival(lives, free_pace=True), lives)
        pairs = zip(found.values(), truth, strict=True)
        held += [low <= true <= high for (low, high), true in pairs]
    assert np.mean(held) >= 0.9


def test_a_life_is_as_likely_as_its_parts_whatever_the_window():
    curve = np.array([0.7, 9.0, 1.2])
    whole = score_survival(curve, build_spells([0], [9], [True]))[0]
    parts = [build_spells([0], [4], [False]), build_spells([4], [9], [True])]
    assert sum(score_survival(curve, one)[0] for one in parts) == pytest.approx(whole)


def test_forgetting_that_lives_were_truncated_makes_customers_look_loyal():
    lives = draw_spells(3, 3000, (0.8, 20.0, 1.0))
    blind = build_spells(np.zeros(len(lives.exit)), lives.exit, lives.ended)
    right, wrong = (fit_survival(one, free_pace=False).survival(24.0) for one in (lives, blind))
    assert right == pytest.approx(Survival(0.8, 20.0).survival(24.0), abs=0.03)
    assert wrong > right + 0.05


def test_the_wider_curve_is_taken_only_when_it_earns_its_parameter():
    plain = choose_survival(draw_spells(5, 600, (0.8, 20.0, 1.0)))
    rising = choose_survival(draw_spells(5, 3000, (0.8, 8.0, 1.4)))
    assert [one.name for one in plain] == ["sbg", "bdw"]
    assert [one.name for one in rising] == ["bdw", "sbg"]


def test_the_gradient_is_that_of_the_likelihood():
    lives, theta = draw_spells(1, 300, (0.8, 20.0, 0.9)).compress(), np.array([0.7, 15.0, 0.95])
    slope = approx_fprime(theta, lambda t: score_survival(t, lives)[0], 1e-7)
    assert score_survival(theta, lives)[1] == pytest.approx(slope, rel=1e-3, abs=1e-3)


def test_customers_all_alike_are_no_trouble():
    rng = np.random.default_rng(2)
    length = rng.geometric(0.05, 2000)
    fit = fit_survival(
        build_spells(np.zeros(2000), np.minimum(length - 1, 30), length <= 30), free_pace=False
    )
    assert fit.survival([10.0, 30.0]) == pytest.approx(0.95 ** np.array([10, 30]), abs=0.02)
    assert np.isfinite(fit.covariance).all()


def test_few_ends_are_not_enough_and_impossible_lives_are_refused():
    with pytest.raises(NotEnoughHistoryError):
        fit_survival(build_spells([0] * 40, [9] * 40, [True] * 9 + [False] * 31), free_pace=False)
    with pytest.raises(DataError):
        build_spells([5], [3], [False])


def test_a_curve_travels_as_json():
    fit = fit_survival(cohort(HIGH_END), free_pace=True)
    assert Survival.from_json(json.loads(json.dumps(fit.to_json()))) == fit
