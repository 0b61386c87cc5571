"""What is lost if an account leaves: bounded, monotone, and ranked within its status."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.expected_loss import (
    LEAST_STAY,
    expected_loss,
    lapse_status,
    net_of_credits,
    rank_within,
    value_if_kept,
)

shares = st.floats(0, 1)
amounts = st.floats(0, 1e9)


@given(shares, amounts)
def test_value_if_kept_is_never_below_the_expected_value_nor_boundless(risk, expected):
    kept = value_if_kept(np.array([risk]), np.array([expected]))[0]
    assert expected <= kept * (1 + 1e-12)
    assert kept <= expected / LEAST_STAY * (1 + 1e-12)


@given(shares, amounts)
def test_a_riskier_account_of_the_same_worth_loses_more(risk, kept):
    loss = expected_loss(np.array([risk, 1.0]), np.array([kept, kept]))
    assert 0 <= loss[0] <= loss[1] == kept


def test_an_undefined_credit_share_takes_nothing_off():
    assert net_of_credits(np.array([5.0]), np.array([np.nan])).tolist() == [5.0]


def test_the_rule_calls_lapsed_from_the_horizons_day_on():
    assert lapse_status(np.array([29.9, 30.0]), 30) == ["at_risk", "lapsed"]


@given(st.lists(st.tuples(amounts, st.sampled_from(["a", "b"])), max_size=20))
def test_ranks_count_from_one_within_each_status(rows):
    values = np.array([value for value, _ in rows])
    groups = [group for _, group in rows]
    ranks = rank_within(values, groups)
    for group in set(groups):
        mine = sorted(rank for rank, other in zip(ranks, groups, strict=True) if other == group)
        assert mine == list(range(1, len(mine) + 1))
