"""Hazards of winning and losing find a law that is known, for every day ahead."""

import numpy as np
import pytest

from lifecycle.errors import NotEnoughHistoryError
from models.deals.curve import anchor, days_to_win, win_by
from models.deals.hazard import DealHazard
from tests.models.deals.funnel import Funnel, held_out


@pytest.fixture(scope="module")
def hazard():
    return DealHazard().fit(Funnel(deals=5000, quarters=8).examples(every=2))


@pytest.fixture(scope="module")
def rows():
    return held_out()


@pytest.mark.parametrize("days", [7.0, 30.0, 91.0, 180.0, np.inf])
def test_the_law_of_the_company_is_found(hazard, rows, days):
    other, deal, _, frame = rows
    found = win_by(*hazard.log_odds(frame), np.full((frame.num_rows, 1), days))[:, 0]
    true = other.truth(deal, days)
    assert abs(found.mean() - true.mean()) < 0.02
    assert np.abs(found - true).mean() < 0.03
    assert np.corrcoef(found, true)[0, 1] > 0.97


def test_deals_still_open_are_no_losses():
    short = Funnel(deals=5000, quarters=2, seed=8)
    other, deal, _, frame = held_out()
    hazard = DealHazard().fit(short.examples())
    found = win_by(*hazard.log_odds(frame), np.full((frame.num_rows, 1), 28.0))[:, 0]
    assert abs(found.mean() - other.truth(deal, 28.0).mean()) < 0.02


def test_two_even_rates_compete_in_closed_form():
    won, lost = np.full((1, 9), np.log(0.1)), np.full((1, 9), np.log(0.3))
    # one period of a week: 0.4 / 1.4 close, a quarter of them won
    assert win_by(won, lost, np.array([[7.0]]))[0, 0] == pytest.approx(0.25 * 0.4 / 1.4)
    assert win_by(won, lost, np.array([[np.inf]]))[0, 0] == pytest.approx(0.25)


def test_the_offset_meets_any_chance_asked():
    rng = np.random.default_rng(4)
    won, lost = rng.normal(-3, 1, (50, 9)), rng.normal(-2, 1, (50, 9))
    asked, days = rng.uniform(0.001, 0.999, 50), rng.uniform(1, 91, 50)
    moved = won + anchor(won, lost, asked, days)
    np.testing.assert_allclose(win_by(moved, lost, days[:, None])[:, 0], asked, atol=1e-8)


def test_half_of_the_wins_come_before_the_median_day(hazard, rows):
    won, lost = hazard.log_odds(rows[3])
    median = days_to_win(won, lost, np.array([0.5]))
    ever = win_by(won, lost, np.full((len(won), 1), np.inf))
    share = win_by(won, lost, median) / ever
    assert (np.abs(share - 0.5) < 1e-3)[median < 728].all()


def test_a_rebuilt_hazard_gives_the_same_bits(hazard, rows):
    rebuilt = DealHazard.from_parts(hazard.to_parts())
    for found, before in zip(rebuilt.log_odds(rows[3]), hazard.log_odds(rows[3]), strict=True):
        np.testing.assert_array_equal(found, before)


def test_few_closed_deals_give_no_hazard():
    with pytest.raises(NotEnoughHistoryError, match="won and"):
        DealHazard().fit(Funnel(deals=40, quarters=3).examples())
