from datetime import date

import numpy as np
import pytest

from models.forecast.combine import choose_served, leg_weights, reconcile
from models.forecast.track import Scored

LEGS = ("seasonal_naive", "bottom_up", "auto_ets", "auto_theta")


def past(leg, error, *, quarter=1, week=0, node="total"):
    return Scored(f"2010Q{quarter}", date(2010, quarter, 1), week, node, leg, error, 100.0, 100.0)


def test_without_a_past_each_kind_of_information_weighs_the_same():
    weights = leg_weights(LEGS, [], total=True, week=0)
    assert weights == pytest.approx(dict(zip(LEGS, (1 / 3, 1 / 3, 1 / 6, 1 / 6), strict=True)))


def test_a_leg_that_was_better_weighs_more_and_all_sum_to_one():
    rows = [past(leg, 5.0 if leg == "bottom_up" else 30.0) for leg in LEGS]
    weights = leg_weights(LEGS, rows, total=True, week=0)
    assert weights["bottom_up"] > 1 / 3 > weights["seasonal_naive"]
    assert sum(weights.values()) == pytest.approx(1.0)


def test_few_quarters_move_the_weights_little():
    rows = [past(leg, 1.0 if leg == "bottom_up" else 50.0) for leg in LEGS]
    assert leg_weights(LEGS, rows, total=True, week=0)["bottom_up"] < 0.5


def test_no_leg_falls_below_the_floor():
    rows = [
        past(leg, 1e6 if leg == "auto_ets" else 1.0, quarter=q) for q in range(1, 5) for leg in LEGS
    ]
    assert leg_weights(LEGS, rows, total=True, week=0)["auto_ets"] > 0.04


def test_a_near_week_counts_more_than_a_far_one():
    rows = [past("seasonal_naive", 20.0), past("bottom_up", 5.0)]
    rows += [past("seasonal_naive", 5.0, week=12), past("bottom_up", 20.0, week=12)]
    early = leg_weights(LEGS[:2], rows, total=True, week=0)
    late = leg_weights(LEGS[:2], rows, total=True, week=12)
    assert early["bottom_up"] > 0.5 > late["bottom_up"]


def test_segments_are_judged_by_segments():
    rows = [past(leg, 5.0) for leg in LEGS[:2]]
    rows += [past("seasonal_naive", 9.0, node="segment=a")]
    rows += [past("bottom_up", 2.0, node="segment=a")]
    assert leg_weights(LEGS[:2], rows, total=True, week=0)["bottom_up"] == 0.5
    assert leg_weights(LEGS[:2], rows, total=False, week=0)["bottom_up"] > 0.5


@pytest.mark.parametrize(("ours", "served"), [(5.0, "combined"), (20.0, "seasonal_naive")])
def test_the_combination_is_served_only_while_it_beats_the_plain_rule(ours, served):
    rows = []
    for quarter in (1, 2):
        rows += [past("combined", ours, quarter=quarter)]
        rows += [past("seasonal_naive", 10.0, quarter=quarter)]
    leg, reason = choose_served(rows, ["combined", "seasonal_naive"])
    assert leg == served
    assert "2 quarters" in reason


def test_one_quarter_is_too_little_to_judge_by():
    rows = [past("combined", 20.0), past("seasonal_naive", 10.0)]
    leg, reason = choose_served(rows, ["combined", "seasonal_naive"])
    assert leg == "combined"
    assert "not yet judged" in reason


def test_of_two_better_rules_the_best_is_served():
    rows = []
    for quarter in (1, 2):
        for leg, error in (("combined", 30.0), ("seasonal_naive", 20.0), ("last_quarter", 10.0)):
            rows.append(past(leg, error, quarter=quarter))
    assert choose_served(rows, ["seasonal_naive", "last_quarter"])[0] == "last_quarter"


def test_reconciled_means_add_up_and_the_surest_node_moves_least():
    means = reconcile(np.array([100.0, 50.0, 40.0]), np.array([1.0, 1.0, 8.0]))
    assert means[0] == pytest.approx(means[1:].sum(), abs=1e-9)
    assert means.tolist() == pytest.approx([99.0, 51.0, 48.0])


def test_means_that_add_up_are_left_alone():
    means = np.array([90.0, 50.0, 40.0])
    assert reconcile(means, np.zeros(3)).tolist() == pytest.approx(means.tolist())
