import numpy as np
import pytest

from models.clv.ageing import Clock, Histories
from models.clv.ageing_pareto import AgeingParetoNbd, _score, fit_ageing_pareto_nbd
from models.clv.pareto_nbd import ParetoNbd
from models.clv.purchase_process import build_counts
from tests.models.clv.worlds import ageing_world, slopes

TRUTH = AgeingParetoNbd(0.9, 4.0, 0.7, 12.0, Clock(0.8, (1.5,)))
PAST = Histories(
    build_counts([0, 1, 4, 30, 0], [0, 3.5, 30, 37, 0], [38.9, 38.9, 38.9, 38.9, 0.0]),
    np.array([0.0, 1.2, 9.0, 80.0, 0.0]),
    np.array([[0.0], [1.0], [-1.0], [2.0], [0.5]]),
)


@pytest.fixture(scope="module")
def world():
    return ageing_world(12, 5000, TRUTH, TRUTH.clock)


def build(theta):
    r, alpha, s, beta, pace, gain = theta
    return AgeingParetoNbd(r, alpha, s, beta, Clock(pace, (gain,)))


def test_the_gradient_is_that_of_the_likelihood():
    theta = np.array([0.5, 3.0, 0.8, 9.0, 0.9, 1.3])
    expected = slopes(lambda t: _score(build(t), PAST)[0], theta)
    assert _score(build(theta), PAST)[1] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_pace_and_gains_of_one_are_the_plain_model():
    plain, model = ParetoNbd(0.5, 3.0, 0.8, 9.0), build([0.5, 3.0, 0.8, 9.0, 1.0, 1.0])
    assert model.log_likelihood(PAST) == pytest.approx(plain.log_likelihood(PAST.counts))
    for name in ("expected_purchases", "probability_any"):
        found = getattr(model, name)(PAST, horizon=20.0)
        assert found == pytest.approx(getattr(plain, name)(PAST.counts, horizon=20.0), rel=1e-6)


def test_the_fit_recovers_the_pace_and_the_gain(world):
    model = fit_ageing_pareto_nbd(world[0])
    assert model.clock.pace == pytest.approx(0.8, abs=0.06)
    assert model.clock.gains[0] == pytest.approx(1.5, abs=0.1)
    assert model.s / model.beta == pytest.approx(0.7 / 12.0, rel=0.3)


def test_expectations_meet_what_the_world_does_next(world):
    histories, later = world
    expected = TRUTH.expected_purchases(histories, horizon=26.0)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.06)
    chance = TRUTH.probability_any(histories, horizon=26.0)
    assert chance.mean() == pytest.approx((later > 0).mean(), abs=0.015)


def test_the_fit_never_ends_below_the_plain_one(world):
    narrow = fit_ageing_pareto_nbd(world[0], clock=False, traits=False)
    wide = fit_ageing_pareto_nbd(world[0])
    assert wide.log_likelihood(world[0]) >= narrow.log_likelihood(world[0])
    assert narrow.clock == Clock(1.0, (1.0,))
