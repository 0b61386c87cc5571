import numpy as np
import pytest

from models.forecast.combine import (
    COMBINED,
    choose_served,
    leg_weights,
    prior_weights,
    reconcile,
)
from models.forecast.judged import Judged, Missed
from tests.models.forecast.raws import QUARTER

KINDS = {
    "seasonal_naive": "last year",
    "simulation": "buyers",
    "auto_ets": "growth",
    "auto_theta": "growth",
}
TWO = {leg: KINDS[leg] for leg in ("seasonal_naive", "simulation")}
SIZE = 100.0


def past(errors, *, back=1, week=0, segments=None):
    """One judged forecast of a past quarter: each leg's error at the total and at segments."""
    quarter = QUARTER.shift(-back)
    levels = {"total": errors, "segment": segments or {}}
    missed = {
        (leg, level): Missed(error**2, SIZE**2, abs(error), SIZE, 1.0)
        for level, told in levels.items()
        for leg, error in told.items()
    }
    return Judged(str(quarter), quarter.start, week, missed)


def weights(judged, kinds=KINDS, **how):
    return leg_weights(prior_weights(kinds, {}), judged, **{"level": "total", "week": 0, **how})


def test_without_a_past_each_kind_of_information_weighs_the_same():
    assert weights([]) == pytest.approx(dict(zip(KINDS, (1 / 3, 1 / 3, 1 / 6, 1 / 6), strict=True)))


def test_a_trusted_kind_weighs_more_and_its_legs_share_it():
    found = prior_weights(KINDS, {"growth": 2.0})
    assert found == pytest.approx(dict(zip(KINDS, (1 / 4, 1 / 4, 1 / 4, 1 / 4), strict=True)))


def test_a_trusted_leg_keeps_its_share_while_all_were_equally_near():
    rows = [past(dict.fromkeys(TWO, 10.0), back=back) for back in (1, 2, 3)]
    prior = {"seasonal_naive": 1 / 3, "simulation": 2 / 3}
    found = leg_weights(prior, rows, level="total", week=0, correlation=0.5)
    assert found == pytest.approx(prior)


def test_of_two_legs_that_err_together_the_nearer_weighs_as_bates_and_granger_say():
    rows = [past({"seasonal_naive": 30.0, "simulation": 20.0}, back=back) for back in range(1, 9)]
    # eight quarters: mean squared errors of 9 and 4 go half the way to their mean
    far, near = (9 + 6.5) / 2, (4 + 6.5) / 2
    both = 0.5 * np.sqrt(far * near)
    found = weights(rows, TWO, correlation=0.5)
    assert found["simulation"] == pytest.approx((far - both) / (far + near - 2 * both))
    assert found["simulation"] > weights(rows, TWO)["simulation"] > 0.5


def test_a_leg_that_the_others_make_needless_keeps_the_floor():
    rows = [past({"seasonal_naive": 90.0, "simulation": 1.0}, back=back) for back in range(1, 9)]
    found = weights(rows, TWO, correlation=0.9)
    assert found["seasonal_naive"] == pytest.approx(0.05 / 1.05)


def test_a_leg_that_was_better_weighs_more_and_all_sum_to_one():
    found = weights([past({leg: 5.0 if leg == "simulation" else 30.0 for leg in KINDS})])
    assert found["simulation"] > 1 / 3 > found["seasonal_naive"]
    assert sum(found.values()) == pytest.approx(1.0)


def test_few_quarters_move_the_weights_little():
    rows = [past({leg: 1.0 if leg == "simulation" else 50.0 for leg in KINDS})]
    assert weights(rows)["simulation"] < 0.5


def test_no_leg_falls_below_the_floor():
    told = {leg: 1e6 if leg == "auto_ets" else 1.0 for leg in KINDS}
    rows = [past(told, back=back) for back in range(1, 5)]
    assert weights(rows)["auto_ets"] > 0.04


def test_a_near_week_counts_more_than_a_far_one():
    rows = [
        past({"seasonal_naive": 20.0, "simulation": 5.0}),
        past({"seasonal_naive": 5.0, "simulation": 20.0}, week=12),
    ]
    early, late = (weights(rows, TWO, week=week)["simulation"] for week in (0, 12))
    assert early > 0.5 > late


def test_segments_are_judged_by_segments():
    rows = [past(dict.fromkeys(TWO, 5.0), segments={"seasonal_naive": 9.0, "simulation": 2.0})]
    assert weights(rows, TWO)["simulation"] == 0.5
    assert weights(rows, TWO, level="segment")["simulation"] > 0.5


def test_a_leg_is_weighed_only_where_all_of_them_spoke():
    rows = [past({"simulation": 1.0}), past({"simulation": 1.0}, back=2)]
    assert weights(rows, TWO) == {"seasonal_naive": 0.5, "simulation": 0.5}


@pytest.mark.parametrize(("ours", "served"), [(5.0, COMBINED), (20.0, "seasonal_naive")])
def test_the_combination_is_served_only_while_it_beats_the_plain_rule(ours, served):
    rows = [past({COMBINED: ours, "seasonal_naive": 10.0}, back=back) for back in (1, 2, 3, 4)]
    leg, reason = choose_served(rows, ["seasonal_naive"], [COMBINED, "seasonal_naive"])
    assert leg == served
    assert "4 quarters" in reason


def test_one_odd_quarter_does_not_unseat_the_combination():
    near, far = (
        {COMBINED: 10.0, "conversion": 11.0},
        {COMBINED: 60.0, "conversion": 10.0},
    )
    rows = [past(far if back == 4 else near, back=back) for back in (1, 2, 3, 4)]
    leg, reason = choose_served(rows, ["conversion"], [COMBINED, "conversion"])
    assert leg == COMBINED
    assert "did not beat conversion" in reason
    assert "conversion nearer in 1, too early to tell" in reason


def test_a_rule_nearer_in_half_of_the_quarters_is_not_served_and_one_more_is():
    told = [{COMBINED: 30.0, "commit": 10.0}] * 2 + [{COMBINED: 10.0, "commit": 11.0}] * 2
    rows = [past(errors, back=back) for back, errors in enumerate(told, start=1)]
    assert choose_served(rows, ["commit"], [COMBINED, "commit"])[0] == COMBINED
    rows.append(past({COMBINED: 30.0, "commit": 10.0}, back=5))
    assert choose_served(rows, ["commit"], [COMBINED, "commit"])[0] == "commit"


def test_one_quarter_is_too_little_to_judge_by():
    rows = [past({COMBINED: 20.0, "seasonal_naive": 10.0}, week=week) for week in range(13)]
    leg, reason = choose_served(rows, ["seasonal_naive"], [COMBINED, "seasonal_naive"])
    assert leg == COMBINED
    assert "not yet judged" in reason


def test_of_two_better_rules_the_best_is_served():
    told = {COMBINED: 30.0, "seasonal_naive": 20.0, "last_quarter": 10.0}
    rows = [past(told, back=back) for back in (1, 2, 3, 4)]
    assert choose_served(rows, ["seasonal_naive", "last_quarter"], list(told))[0] == "last_quarter"


def test_a_rule_that_cannot_speak_now_is_not_served():
    rows = [past({COMBINED: 30.0, "commit": 10.0}, back=back) for back in (1, 2, 3, 4)]
    assert choose_served(rows, ["commit"], [COMBINED])[0] == COMBINED


def test_the_total_keeps_its_mean_and_the_surest_node_moves_least():
    moved = reconcile(
        np.array([100.0, 50.0, 40.0]), np.array([1.0, 1.0, 9.0]), ("total", "owner=x", "owner=y")
    )
    assert moved.tolist() == pytest.approx([0.0, 1.0, 9.0])


def test_every_dimension_takes_up_its_own_gap():
    nodes = ("total", "owner=x", "owner=y", "segment=a", "segment=b")
    means = np.array([100.0, 30.0, 60.0, 90.0, 40.0])
    found = means + reconcile(means, np.ones(5), nodes)
    assert found[1:3].sum() == pytest.approx(100.0, abs=1e-9)
    assert found[3:].sum() == pytest.approx(100.0, abs=1e-9)


def test_means_that_add_up_are_left_alone():
    means = np.array([90.0, 50.0, 40.0])
    nodes = ("total", "owner=x", "owner=y")
    assert reconcile(means, np.zeros(3), nodes).tolist() == pytest.approx([0.0, 0.0, 0.0])
