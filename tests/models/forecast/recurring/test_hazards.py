import numpy as np
import pytest

from features.days import day_number
from models.forecast.recurring.flow import expected_flow, past_moves
from models.forecast.recurring.hazards import learn_rates
from models.forecast.recurring.opening import open_book
from tests.features.contracts import sub
from tests.models.forecast.recurring.company import QUARTER, company, engine_of


@pytest.fixture(scope="module")
def book():
    return open_book(company().facts, day_number(QUARTER.start), currency=-1)


def test_the_learned_share_of_leavers_is_the_true_one(book):
    line = np.flatnonzero(book.levels(book.day) > 0)
    odds = learn_rates(book).renewal_log_odds(book, line, np.full(len(line), book.day))
    assert float(np.mean(1 / (1 + np.exp(-odds)))) == pytest.approx(0.25, abs=0.08)


def test_ratios_leave_the_price_out(book):
    ratios = learn_rates(book).ratios[0]
    assert float(np.quantile(ratios, 0.1)) == pytest.approx(0.9, abs=0.01)
    assert float(np.quantile(ratios, 0.9)) == pytest.approx(1.0, abs=0.01)


def test_nobody_is_unknown_long_after_the_deadline(book):
    rates = learn_rates(book)
    assert rates.unseen_share(np.array([-5, 25])).tolist() == [1.0, 0.0]


def test_without_a_past_nothing_breaks(tmp_path):
    facts = engine_of(tmp_path, subscriptions=[sub()]).facts
    lone = open_book(facts, facts.today, currency=-1)
    assert np.isfinite(learn_rates(lone).weights).all()


def test_renewals_and_ends_are_no_flow(book):
    assert past_moves(book).is_new.all()


def test_a_quarter_brings_as_much_as_past_ones_did(book):
    flow, moves = expected_flow(book, QUARTER), past_moves(book)
    recent = moves.day >= book.day - 548
    assert flow.weight.sum() == pytest.approx(recent.sum() / 6, rel=0.05)
