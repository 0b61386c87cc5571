import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import gammaln, hyp2f1

from models.clv.pareto_nbd import ParetoNbd, _negative, fit_pareto_nbd
from models.clv.purchase_process import build_counts
from tests.models.clv.worlds import pareto_world

TRUTH = {"r": 0.9, "alpha": 8.0, "s": 0.7, "beta": 12.0}
PAST = build_counts([0, 1, 4, 30, 300], [0, 3.5, 30, 37, 38.9], [38.9] * 5)


def textbook(model, x, last, age):
    """Return the log likelihood as published, by two hypergeometric functions."""
    r, alpha, s, beta = model.r, model.alpha, model.s, model.beta
    big, gap = max(alpha, beta), abs(alpha - beta)
    second = s + 1 if alpha >= beta else r + x

    def piece(t):
        z = gap / (big + t)
        return hyp2f1(r + s + x, second, r + s + x + 1, z) / (big + t) ** (r + s + x)

    alive = (alpha + age) ** -(r + x) * (beta + age) ** -s
    inside = alive + s / (r + s + x) * (piece(last) - piece(age))
    return gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(inside)


@pytest.mark.parametrize("alpha", [0.5, 8.0, 60.0])
@pytest.mark.parametrize("beta", [0.4, 12.0, 90.0])
@pytest.mark.parametrize(("x", "last"), [(0, 0.0), (1, 3.5), (4, 30.0), (12, 20.0)])
def test_the_likelihood_equals_the_published_one(alpha, beta, x, last):
    model = ParetoNbd(0.55, alpha, 0.6, beta)
    found = model.log_likelihood(build_counts([x], [last], [38.9]))
    assert found == pytest.approx(textbook(model, x, last, 38.9), rel=1e-7)


def test_the_gradient_is_that_of_the_likelihood():
    def value(theta):
        return _negative(theta, PAST)[0]

    def slope(theta):
        return _negative(theta, PAST)[1]

    assert check_grad(value, slope, np.array([0.5, 3.0, 0.8, 9.0])) < 1e-3


def test_the_fit_recovers_the_parameters_of_its_own_world():
    counts, _ = pareto_world(3, 8000, **TRUTH)
    model = fit_pareto_nbd(counts)
    assert model.r == pytest.approx(0.9, rel=0.1)
    assert model.alpha == pytest.approx(8.0, rel=0.1)
    assert model.s / model.beta == pytest.approx(0.7 / 12.0, rel=0.2)


def test_expectations_meet_what_the_world_does_next():
    counts, later = pareto_world(4, 8000, **TRUTH)
    model = ParetoNbd(**TRUTH)
    assert model.expected_purchases(counts, horizon=26.0).sum() == pytest.approx(
        later.sum(), rel=0.05
    )
    any_share = model.probability_any(counts, horizon=26.0).mean()
    assert any_share == pytest.approx((later > 0).mean(), abs=0.015)


def test_the_shape_one_limit_of_the_lifetime_is_continuous():
    near, at = ParetoNbd(0.5, 10.0, 1.0 + 1e-7, 12.0), ParetoNbd(0.5, 10.0, 1.0, 12.0)
    assert at.expected_purchases(PAST, horizon=39.0) == pytest.approx(
        near.expected_purchases(PAST, horizon=39.0), rel=1e-5
    )


def test_extreme_histories_and_rates_stay_finite():
    for model in (ParetoNbd(1e-3, 1e-3, 1e-3, 1e4), ParetoNbd(50.0, 1e4, 5.0, 1e-3)):
        assert np.isfinite(model.log_likelihood(PAST))
        alive = model.probability_alive(PAST)
        assert ((alive >= 0) & (alive <= 1)).all()


def test_a_longer_silence_makes_staying_less_likely():
    ages = np.linspace(30.0, 300.0, 20)
    silent = build_counts(np.full(20, 4.0), np.full(20, 30.0), ages)
    assert (np.diff(ParetoNbd(**TRUTH).probability_alive(silent)) < 0).all()


def test_any_purchase_is_never_likelier_than_the_expected_count():
    model = ParetoNbd(**TRUTH)
    chance = model.probability_any(PAST, horizon=39.0)
    assert (chance <= model.expected_purchases(PAST, horizon=39.0) + 1e-12).all()
    assert (chance <= model.probability_alive(PAST) + 1e-12).all()


def test_fitting_twice_gives_the_same_bits():
    counts, _ = pareto_world(3, 500, **TRUTH)
    assert fit_pareto_nbd(counts) == fit_pareto_nbd(counts)
