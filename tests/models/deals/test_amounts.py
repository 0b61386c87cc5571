"""Amounts: late discounts learned, money unbiased, chances by amount only where the past asks."""

from datetime import date

import numpy as np
import pytest
from scipy.special import expit

from models.deals.amount import DealAmount
from models.deals.by_amount import ByAmount, Judged, choose_by_amount
from tests.models.deals.funnel import DISCOUNT, Funnel


@pytest.fixture(scope="module")
def examples():
    return Funnel(deals=4000).examples()


@pytest.fixture(scope="module")
def amount(examples):
    return DealAmount().fit(examples)


def test_a_late_discount_is_learned(amount, examples):
    ratios = amount.ratios(examples.frame)
    assert ratios.mean() == pytest.approx(DISCOUNT, abs=0.02)
    assert amount.report["mean_log"] < -0.08


def test_expected_money_given_win_is_won_money(amount, examples):
    final = examples.outcomes.column("final_amount_minor").to_numpy()
    won = np.isfinite(final)
    expected, _ = amount.expect(examples.frame)
    assert expected[won].sum() / final[won].sum() == pytest.approx(1.0, abs=0.02)


def test_money_of_deals_never_seen_is_unbiased(amount):
    other = Funnel(deals=4000, seed=77).examples()
    final = other.outcomes.column("final_amount_minor").to_numpy()
    won = np.isfinite(final)
    expected, _ = amount.expect(other.frame)
    assert expected[won].sum() / final[won].sum() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("bad", [np.nan, 0.0, -5.0, 1e15])
def test_an_amount_that_is_none_counts_as_usual_and_is_told(amount, examples, bad):
    frame = examples.frame.slice(0, 30)
    place = frame.column_names.index("amount_minor")
    expected, basis = amount.expect(frame.set_column(place, "amount_minor", [np.full(30, bad)]))
    assert set(basis) == {"segment median"}
    assert ((expected > 1e4) & (expected < 1e7)).all()


def test_one_mistyped_amount_does_not_set_the_factor(examples):
    frame, place = examples.frame, examples.frame.column_names.index("amount_minor")
    current = frame.column("amount_minor").to_numpy().copy()
    current[np.flatnonzero(np.isfinite(examples.outcomes["final_amount_minor"].to_numpy()))[0]] *= (
        1e5
    )
    wrong = type(examples)(frame.set_column(place, "amount_minor", [current]), examples.label,
                           examples.as_of, 0, examples.outcomes)  # fmt: skip
    assert DealAmount().fit(wrong).ratios(frame).mean() == pytest.approx(DISCOUNT, abs=0.03)


def test_a_rebuilt_amount_gives_the_same_bits(amount, examples):
    rebuilt = DealAmount.from_parts(amount.to_parts())
    np.testing.assert_array_equal(
        rebuilt.expect(examples.frame)[0], amount.expect(examples.frame)[0]
    )


def test_without_a_won_deal_the_amount_stands_as_it_is(examples):
    lost = examples.take(examples.outcomes.column("won").to_numpy() == 0.0)
    expected, _ = DealAmount().fit(lost).expect(lost.frame)
    np.testing.assert_allclose(expected, lost.frame.column("amount_minor").to_numpy())


def _past(slope, origins=5, deals=2500):
    """Origins whose predictions miss that large deals are won less often, by ``slope``."""
    rng, past = np.random.default_rng(3), {}
    for n in range(origins):
        odds, size = rng.normal(-1.2, 1, deals), rng.normal(0, 1, deals)
        won = (rng.random(deals) < expit(odds + slope * size)) + 0.0
        past[date(2023, 1, 1 + n)] = Judged(expit(odds), won, np.exp(13 + 0.8 * size))
    return past


def test_chances_are_moved_by_amount_where_past_origins_ask_for_it():
    choice = choose_by_amount(_past(-0.5))
    assert choice.by_amount.changes
    assert choice.gain > choice.gain_se > 0
    small, large = choice.by_amount.apply(np.full(2, 0.3), np.exp(np.array([12.2, 13.8])))
    assert large < 0.25 < 0.35 < small


def test_chances_hardly_move_where_past_origins_were_right():
    choice = choose_by_amount(_past(0.0))
    chance = np.array([0.2, 0.7])
    moved = choice.by_amount.apply(chance, np.exp(np.array([12.2, 13.8])))
    np.testing.assert_allclose(moved, chance, atol=0.02)


def test_chances_stay_where_a_move_would_cost_log_loss_and_bring_no_money_nearer():
    low, high = _past(-0.8), _past(0.8)
    turning = {day: (low, high)[n % 2][day] for n, day in enumerate(low)}
    choice = choose_by_amount(turning)
    assert not choice.by_amount.changes
    assert choice.text.startswith("none")
    assert choice.money_off < choice.money_off_moved
    chance = np.array([0.2, 0.7])
    assert choice.by_amount.apply(chance, np.array([1.0, np.nan])) is chance


def test_a_move_that_brings_money_nearer_is_made_though_log_loss_hardly_notices():
    choice = choose_by_amount(_past(-0.06))
    assert choice.by_amount.changes
    assert choice.money_off_moved < choice.money_off
    assert abs(choice.gain) < 0.002


def test_two_past_origins_are_too_few_to_move_anything():
    assert not choose_by_amount(_past(-0.9, origins=2)).by_amount.changes


def test_a_deal_without_an_amount_counts_as_one_of_usual_size():
    made = ByAmount((1.0, -0.5, 0.0, 0.0), 13.0, 0.8)
    chance = np.full(3, 0.4)
    found = made.apply(chance, np.array([np.nan, 0.0, np.exp(13.0)]))
    np.testing.assert_allclose(found, 0.4)
