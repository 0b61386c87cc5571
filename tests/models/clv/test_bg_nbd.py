import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.special import gammaln
from scipy.stats import beta as beta_law

from models.clv.bg_nbd import BgNbd, expected_given_alive, fit_bg_nbd, mean_over_chance, negative
from models.clv.purchase_process import build_counts
from tests.models.clv.worlds import bg_world

TRUTH = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
PAST = build_counts([0, 1, 4, 30, 300], [0, 3.5, 30, 37, 38.9], [38.9] * 5)


@pytest.mark.parametrize("early", [False, True])
def test_the_fit_recovers_the_parameters_of_its_own_world(early):
    counts, _ = bg_world(5, 6000, **TRUTH, early=early)
    model = fit_bg_nbd(counts, early_dropout=early)
    assert model.r == pytest.approx(0.8, rel=0.15)
    assert model.alpha == pytest.approx(6.0, rel=0.15)
    assert model.a / (model.a + model.b) == pytest.approx(0.7 / 3.2, rel=0.15)


@pytest.mark.parametrize("early", [False, True])
def test_expectations_meet_what_the_world_does_next(early):
    counts, later = bg_world(8, 6000, **TRUTH, early=early)
    model = BgNbd(**TRUTH, early_dropout=early)
    expected = model.expected_purchases(counts, horizon=26.0)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.05)
    any_share = model.probability_any(counts, horizon=26.0).mean()
    assert any_share == pytest.approx((later > 0).mean(), abs=0.015)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("a", [0.3, 1.0, 2.5])
def test_expected_purchases_equal_the_integral_over_the_chance_to_stop(early, a):
    model = BgNbd(0.25, 4.4, a, 2.4, early)
    found = model.expected_purchases(PAST, horizon=39.0)
    for i, x in enumerate(PAST.frequency):
        law = beta_law(a, 2.4 + x + early)
        wait = 39.0 / (4.4 + PAST.age[i])

        def count(p, x=x, law=law, wait=wait):
            return law.pdf(p) * (1 - (1 + p * wait) ** -(0.25 + x)) / p

        alive = model.probability_alive(PAST)[i]
        assert found[i] == pytest.approx(alive * quad(count, 0, 1, limit=400)[0], rel=1e-4)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(("a", "b"), [(1400.0, 55.0), (8000.0, 8000.0), (8000.0, 1e-3)])
def test_where_the_closed_form_overflows_nothing_is_lost(early, a, b):
    # such an `a` is fitted where all stop alike; the suite turns every warning into an error
    model = BgNbd(0.25, 0.5, a, b, early)
    found = model.expected_purchases(PAST, horizon=39.0)
    for i, x in enumerate(PAST.frequency):
        law = beta_law(a, b + x + early)
        wait = 39.0 / (0.5 + PAST.age[i])
        p = law.ppf((np.arange(20_000) + 0.5) / 20_000)
        mean = np.mean((1 - (1 + p * wait) ** -(0.25 + x)) / p)
        assert found[i] == pytest.approx(model.probability_alive(PAST)[i] * mean, rel=1e-4)


def test_both_ways_to_count_agree_where_they_meet():
    wait = np.array([0.4, 1.0, 30.0])
    kept, rate = np.array([2.4, 3.4, 30.0]), np.array([0.25, 4.0, 29.0])
    for a in (20.0, 150.0):
        usual = expected_given_alive(a, kept, rate, wait)
        assert mean_over_chance(a, kept, rate, wait) == pytest.approx(usual, rel=1e-4)


def test_hopeless_histories_are_dead_without_a_warning():
    gone = build_counts([3000], [1.0], [1e6])
    assert BgNbd(0.25, 0.01, 1e-4, 1e-4).probability_alive(gone)[0] == 0.0


@pytest.mark.parametrize("early", [False, True])
def test_the_gradient_is_that_of_the_likelihood(early):
    def value(theta):
        return negative(theta, PAST, early)[0]

    def slope(theta):
        return negative(theta, PAST, early)[1]

    assert check_grad(value, slope, np.array([0.5, 3.0, 0.8, 2.0])) < 1e-3


def test_without_a_repeat_purchase_only_early_dropout_can_have_stopped():
    once = build_counts([0], [0], [200.0])
    assert BgNbd(0.25, 4.4, 0.8, 2.4).probability_alive(once)[0] == 1.0
    assert BgNbd(0.25, 4.4, 0.8, 2.4, True).probability_alive(once)[0] < 0.6


def test_a_longer_horizon_never_expects_less():
    model = BgNbd(0.25, 4.4, 0.8, 2.4, True)
    near, far = (model.expected_purchases(PAST, horizon=h) for h in (10.0, 400.0))
    assert (near <= far).all()
    assert (near >= model.probability_any(PAST, horizon=10.0) - 1e-12).all()


def test_the_unit_of_time_does_not_change_the_answer():
    counts, _ = bg_world(5, 800, **TRUTH)
    weeks, days = fit_bg_nbd(counts), fit_bg_nbd(counts.rescale(7.0))
    assert days.alpha == pytest.approx(7 * weeks.alpha, rel=1e-4)
    assert days.a == pytest.approx(weeks.a, rel=1e-4)


@pytest.mark.parametrize("early", [False, True])
def test_the_likelihood_sums_to_one_over_all_histories_of_a_customer(early):
    model = BgNbd(0.8, 6.0, 0.7, 2.5, early)
    nodes, weights = np.polynomial.legendre.leggauss(12)
    total = np.exp(model.log_likelihood(build_counts([0], [0], [10.0])))
    for x in range(1, 40):
        for last, weight in zip(5 * (nodes + 1), 5 * weights, strict=True):
            density = model.log_likelihood(build_counts([x], [last], [10.0]))
            # the x - 1 purchases before the last one come in any of (x - 1)! orders
            total += weight * np.exp(density + (x - 1) * np.log(last) - gammaln(x))
    assert total == pytest.approx(1.0, abs=1e-3)
