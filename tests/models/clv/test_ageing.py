import numpy as np
import pytest

from lifecycle.errors import DataError
from models.clv.ageing import (
    AgeingBgNbd,
    Clock,
    Histories,
    _score,
    fit_ageing_bg_nbd,
)
from models.clv.bg_nbd import BgNbd, fit_bg_nbd
from models.clv.purchase_process import build_counts
from tests.models.clv.worlds import ageing_world, bg_world, slopes

TRUTH = BgNbd(0.8, 3.0, 0.7, 2.5)
CLOCK = Clock(0.8, (1.5,))


@pytest.fixture(scope="module")
def world():
    return ageing_world(11, 5000, TRUTH, CLOCK)


def test_the_fit_recovers_the_pace_and_the_gain(world):
    model = fit_ageing_bg_nbd(world[0])
    assert model.clock.pace == pytest.approx(0.8, abs=0.05)
    assert model.clock.gains[0] == pytest.approx(1.5, abs=0.1)
    assert model.process.r == pytest.approx(0.8, rel=0.15)


def test_expectations_meet_what_the_world_does_next(world):
    histories, later = world
    model = AgeingBgNbd(TRUTH, CLOCK)
    expected = model.expected_purchases(histories, horizon=26.0)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.06)
    chance = model.probability_any(histories, horizon=26.0)
    assert chance.mean() == pytest.approx((later > 0).mean(), abs=0.015)


def test_pace_and_gains_of_one_are_the_plain_model():
    counts, _ = bg_world(3, 500, r=0.8, alpha=6.0, a=0.7, b=2.5)
    plain = fit_bg_nbd(counts)
    model = AgeingBgNbd(plain, Clock(1.0, (1.0,)))
    histories = Histories(counts, np.ones(500), np.ones((500, 1)))
    assert model.log_likelihood(histories) == pytest.approx(plain.log_likelihood(counts))
    assert model.expected_purchases(histories, horizon=9.0) == pytest.approx(
        plain.expected_purchases(counts, horizon=9.0)
    )


def test_a_wider_model_never_fits_worse(world):
    narrow = fit_ageing_bg_nbd(world[0], clock=False, traits=False)
    wide = fit_ageing_bg_nbd(world[0], clock=True, traits=False)
    widest = fit_ageing_bg_nbd(world[0])
    found = [model.log_likelihood(world[0]) for model in (narrow, wide, widest)]
    assert found == sorted(found)


def test_the_unit_of_time_does_not_change_the_clock(world):
    weeks, days = fit_ageing_bg_nbd(world[0]), fit_ageing_bg_nbd(world[0].rescale(7.0))
    assert days.clock.pace == pytest.approx(weeks.clock.pace, abs=1e-3)
    assert days.process.alpha == pytest.approx(weeks.process.alpha * 7**weeks.clock.pace, rel=0.01)


def test_compressed_histories_have_the_likelihood_of_all_customers(world):
    twice = np.repeat(np.arange(50), 2)
    counts = build_counts(
        *(getattr(world[0].counts, n)[twice] for n in ("frequency", "recency", "age"))
    )
    doubled = Histories(counts, world[0].log_times[twice], world[0].traits[twice])
    model, small = AgeingBgNbd(TRUTH, CLOCK), doubled.compress(traits=True)
    assert len(small.counts.age) <= 50
    assert model.log_likelihood(small) == pytest.approx(model.log_likelihood(doubled))


def test_histories_of_unequal_length_are_a_data_error():
    with pytest.raises(DataError):
        Histories(build_counts([0], [0], [9]), np.zeros(2), np.zeros((1, 1)))


@pytest.mark.parametrize("early", [False, True])
def test_the_gradient_is_that_of_the_likelihood(world, early):
    def build(theta):
        return AgeingBgNbd(BgNbd(*theta[:4], early), Clock(theta[4], (theta[5],)))

    theta = np.array([0.5, 3.0, 0.8, 2.0, 0.9, 1.3])
    value, slope = _score(build(theta), world[0])
    assert value == pytest.approx(build(theta).log_likelihood(world[0]))
    expected = slopes(lambda t: build(t).log_likelihood(world[0]), theta)
    assert slope == pytest.approx(expected, rel=1e-4, abs=1e-2)
