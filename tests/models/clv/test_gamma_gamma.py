import numpy as np
import pytest
from scipy.optimize import check_grad

from lifecycle.errors import NotEnoughHistoryError
from models.clv.gamma_gamma import GammaGamma, _negative, fit_gamma_gamma


def world(seed, n, p, q, v):
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 12, n)
    return x, rng.gamma(p * x, 1.0) / rng.gamma(q, 1.0 / v, n) / x


def test_the_fit_recovers_the_parameters_of_its_own_world():
    model = fit_gamma_gamma(*world(2, 20_000, 6.0, 4.0, 15.0))
    assert model.p == pytest.approx(6.0, rel=0.1)
    assert model.q == pytest.approx(4.0, rel=0.1)
    assert model.v == pytest.approx(15.0, rel=0.15)


def test_the_gradient_is_that_of_the_likelihood():
    x, m = world(2, 50, 6.0, 4.0, 15.0)
    start = np.array([3.0, 2.0, 9.0])
    slope = check_grad(
        lambda theta: _negative(theta, x, m)[0], lambda theta: _negative(theta, x, m)[1], start
    )
    assert slope < 1e-3


def test_more_purchases_pull_the_worth_to_the_customers_own_mean():
    worth = GammaGamma(6.0, 4.0, 15.0).expected_value([0, 1, 100], [99.0, 99.0, 99.0])
    assert worth[0] == pytest.approx(30.0)
    assert worth[0] < worth[1] < worth[2] < 99.0


def test_the_worth_of_a_customer_who_never_returned_needs_no_mean():
    assert GammaGamma(6.0, 4.0, 15.0).expected_value([0], [np.nan])[0] == pytest.approx(30.0)


def test_the_currency_does_not_change_the_shape():
    x, m = world(2, 3000, 6.0, 4.0, 15.0)
    pounds, pence = fit_gamma_gamma(x, m), fit_gamma_gamma(x, 100 * m)
    assert pence.p == pytest.approx(pounds.p, rel=1e-4)
    assert pence.v == pytest.approx(100 * pounds.v, rel=1e-4)


def test_customers_without_a_repeat_purchase_are_not_enough():
    with pytest.raises(NotEnoughHistoryError):
        fit_gamma_gamma(np.zeros(50), np.zeros(50))
