"""Bringing a logistic and trees together: half each, unless the latest quarters ask for more."""

import numpy as np
from scipy.special import expit

from models.deals.stack import EVEN, Stack, learn_stack, split_latest
from tests.models.deals.funnel import Funnel


def _odds(stretch, rows=6000, seed=2):
    """Two noisy views of log-odds that are stretched in the quarter's last weeks."""
    rng = np.random.default_rng(seed)
    true, late = rng.normal(-1.5, 1.0, rows), rng.uniform(0, 1, rows)
    views = (true + rng.normal(0, 0.1, rows) for _ in range(2))
    won = (rng.random(rows) < expit(true + stretch * late * (true + 1.5))) + 0.0
    return *views, late, won


def test_a_stretch_late_in_the_quarter_is_found():
    found = learn_stack(*_odds(0.6), deals=3000)
    assert 0.35 < found.late < 0.8
    assert abs(found.logistic + found.trees - 1.0) < 0.12


def test_where_none_is_asked_for_the_mean_stays():
    found = learn_stack(*_odds(0.0), deals=3000)
    assert abs(found.late) < 0.15
    assert abs(found.logistic - 0.5) < 0.15
    assert abs(found.level) < 0.1


def test_few_deals_hardly_move_the_mean():
    few = tuple(one[:60] for one in _odds(0.6))
    found = learn_stack(*few, deals=3)
    assert max(abs(found.late), abs(found.logistic - 0.5), abs(found.trees - 0.5)) < 0.1


def test_at_the_quarters_start_nothing_is_stretched():
    left, right, shift = Stack(0.4, 0.7, 0.3, 0.1, -0.6).weigh(np.array([0.0, 1.0]))
    assert (left[0], right[0], shift[0]) == (0.4, 0.7, 0.1)
    np.testing.assert_allclose((left[1], right[1], shift[1]), (0.55, 0.85, -0.5))


def test_whatever_the_weights_as_many_deals_are_expected_to_be_won():
    logistic, trees, late, won = _odds(1.5)
    found = learn_stack(logistic, trees, late, won, deals=3000)
    left, right, shift = found.weigh(late)
    said = expit(left * logistic + right * trees + shift)
    even = expit((logistic + trees) / 2)
    assert found.late > 0.8
    np.testing.assert_allclose((said.sum(), late @ said), (even.sum(), late @ even), rtol=1e-4)


def test_three_quarters_are_too_few_to_judge_on():
    young = Funnel(deals=50, quarters=3).examples()
    assert split_latest(young.frame, young.as_of) is None
    assert Stack(0.5, 0.5) == EVEN


def test_the_latest_two_quarters_are_those_judged():
    old = Funnel(deals=50, quarters=6).examples()
    later = split_latest(old.frame, old.as_of)
    day = (old.as_of - old.as_of.min()).astype(int)
    np.testing.assert_array_equal(later, day >= 4 * 91)
