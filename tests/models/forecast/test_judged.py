import numpy as np
import pytest

from models.forecast.conclude import said_of
from models.forecast.judged import (
    FARTHEST_SCORE,
    judge,
    near_week,
    paired,
    pooled_wape,
    same_footing,
)
from tests.models.forecast.raws import QUARTER, actual, leg, raw


def judged(total, *, happened=100.0, back=1, week=0, name="simulation", **how):
    quarter = QUARTER.shift(-back)
    said = said_of(raw({name: leg(total, **how)}, quarter=quarter, week=week))
    return judge(said, actual(happened))


def test_errors_are_relative_to_what_was_still_to_come():
    error, _, quarters = near_week([judged(110.0)], "simulation", level="total", week=0)
    assert (error, quarters) == (pytest.approx((10 / 110) ** 2), 1)


def test_a_quarter_counts_once_however_often_it_was_forecast():
    often = [judged(110.0, week=week) for week in range(13)]
    once = judged(100.0, back=2)
    error, _, quarters = near_week([*often, once], "simulation", level="total", week=0)
    assert (error, quarters) == (pytest.approx((10 / 110) ** 2 / 2), 2)


def test_a_near_week_counts_more_than_a_far_one():
    rows = [judged(150.0), judged(100.0, week=12)]
    early, late = (near_week(rows, "simulation", level="total", week=w)[0] for w in (0, 12))
    assert early > 5 * late


def test_scores_count_deviations_squared():
    rows = [judged(120.0, spread=10.0)]
    assert near_week(rows, "simulation", level="total", week=0)[1] == pytest.approx(4.0, rel=1e-3)


def test_one_wild_quarter_is_clipped():
    rows = [judged(1000.0, spread=1.0)]
    assert near_week(rows, "simulation", level="total", week=0)[1] == FARTHEST_SCORE**2


def test_nodes_are_judged_at_their_own_level():
    found = judged(110.0).missed
    assert {level for _, level in found} == {"total", "segment", "owner"}


def test_a_node_that_has_vanished_is_left_out():
    said = said_of(raw({"simulation": leg(110.0)}))
    rest = {node: value for node, value in actual(100.0).items() if node != "segment=a"}
    assert judge(said, rest).missed["simulation", "segment"].actual == pytest.approx(30.0)


def test_a_leg_that_says_nothing_of_the_total_did_not_speak():
    silent = leg(100.0)
    silent.mean_minor[0] = np.nan
    found = judge(said_of(raw({"conversion": silent})), actual(100.0))
    assert not found.spoke("conversion")


def test_legs_are_compared_only_where_all_of_them_spoke():
    alone, both = judged(100.0), raw({"simulation": leg(1.0), "commit": leg(2.0)})
    rows = [alone, judge(said_of(both), actual(100.0))]
    assert len(paired(rows, ("simulation", "commit"))) == 1


def test_forecasts_without_a_year_behind_do_not_judge_those_with_one():
    rows = [judged(1.0), judged(1.0, name="seasonal_naive")]
    assert same_footing(rows, "seasonal_naive", speaks=True) == rows[1:]
    assert same_footing(rows, "seasonal_naive", speaks=False) == rows[:1]


def test_wape_is_absolute_error_of_the_median_over_actual():
    rows = [judged(110.0), judged(80.0, week=3)]
    assert pooled_wape(rows, "simulation") == (pytest.approx(0.15), 1)
