"""The law of deals and the truth made from it: chances are chances, and they come true."""

import json

import numpy as np
import pytest

from lifecycle.world.deals_calendar import build_calendar
from lifecycle.world.deals_rates import STAGES, Deals, Mood, event_chances, law_of, multipliers
from lifecycle.world.deals_record import WON
from lifecycle.world.deals_truth import _step_back, law_truth, opp_week_truth, owner_truth
from lifecycle.world.presets import preset
from tests.lifecycle.world.sales import sold


def parts_of(variant: str = "plain", *, quality: float = 0.0, late: float = 0.0):
    one = np.ones((1, 1), np.float32)
    deals = Deals(quality * one, 0 * one, one, 0 * one)
    return multipliers(deals, Mood(late, 0.0, 0.0), law_of(variant))


def test_the_chances_of_a_week_are_chances():
    chances = event_chances(np.arange(len(STAGES)), parts_of(quality=2.0))
    assert np.all(chances >= 0)
    assert np.all(chances.sum(axis=-1) < 1)


def test_a_good_deal_is_won_rather_than_lost():
    stage = np.array([4])
    good, poor = (event_chances(stage, parts_of(quality=one)) for one in (1.0, -1.0))
    assert good[..., 0] > poor[..., 0]
    assert good[..., 1] < poor[..., 1]


def test_quality_counts_for_less_and_less_when_the_law_drifts():
    early, late = (parts_of("drift", quality=1.0, late=one)[0] for one in (0.0, 1.0))
    assert late < early


def test_a_threshold_makes_the_misspecified_law():
    above, below = (parts_of("misspecified", quality=one)[0] for one in (1.01, 0.99))
    assert above > 1.5 * below


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_one_week_of_truth_is_the_chance_to_win_in_it(share):
    parts = parts_of(quality=0.5)
    nothing = np.zeros((1, 1, len(STAGES)), np.float32)
    expected = event_chances(np.arange(len(STAGES)), tuple(one[..., None] for one in parts))
    value = _step_back(nothing, parts, share)
    assert np.allclose(value, expected[..., 0] * share, rtol=1e-5)


def test_what_is_certain_stays_certain_but_for_losses():
    parts = parts_of()
    chances = event_chances(np.arange(len(STAGES)), tuple(one[..., None] for one in parts))
    value = _step_back(np.ones((1, 1, len(STAGES)), np.float32), parts, 1.0)
    assert np.allclose(value, 1 - chances[..., 1], rtol=1e-5)


def test_chances_to_win_in_the_quarter_come_true():
    trace, _, macro = sold()
    truth = opp_week_truth(trace, macro)
    deal = np.array([int(one[1:]) for one in truth["opportunity_id"].to_pylist()])
    ends = trace.calendar.quarter_end[truth["week"].to_numpy()]
    seen = ends <= 7 * trace.params.weeks
    won = (trace.deals["state"][deal] == WON) & (trace.deals["closed"][deal] < ends)
    p_win = truth["p_win_quarter"].to_numpy()
    deciles = np.array_split(np.argsort(p_win[seen]), 5)
    told = np.array([p_win[seen][part].mean() for part in deciles])
    came = np.array([won[seen][part].mean() for part in deciles])
    assert np.all(np.abs(told - came) < 0.02 + 0.15 * told)


def test_a_deal_that_is_lost_already_cannot_be_won():
    trace, _, macro = sold()
    truth = opp_week_truth(trace, macro, weeks=range(20, 40))
    dead = ~truth["alive"].to_numpy(zero_copy_only=False)
    assert dead.any()
    assert truth["p_win_quarter"].to_numpy()[dead].max() == 0


def test_truth_of_chosen_weeks_is_that_of_all_weeks():
    trace, _, macro = sold()
    some = opp_week_truth(trace, macro, weeks=[30])
    both = opp_week_truth(trace, macro, weeks=[29, 30])
    assert both.slice(both.num_rows - some.num_rows).equals(some)


def test_bold_and_careful_sellers_are_named():
    owners = owner_truth(sold()[0])
    bias = owners["bias"].to_numpy()
    assert len(set(owners["owner_id"].to_pylist())) == owners.num_rows
    assert bias.max() > 0.5
    assert bias.min() < -0.3


def test_the_law_can_be_written_as_text():
    assert json.loads(json.dumps(law_truth(sold()[0])))["law"]["quality_win"] > 0


def test_no_weeks_give_no_rows():
    trace, _, macro = sold()
    assert opp_week_truth(trace, macro, weeks=[]).num_rows == 0


def test_a_close_falls_before_a_quarter_end_inside_its_week_or_after_it():
    calendar = build_calendar(preset("tiny").start, 104)
    inside = calendar.early_share < 1
    assert np.all(calendar.quarter_end[inside] - 7 * np.flatnonzero(inside) < 5)
    assert np.all((calendar.early_share > 0) & (calendar.early_share <= 1))


def test_the_last_week_of_a_quarter_is_the_best_to_win_in():
    calendar = build_calendar(preset("tiny").start, 104)
    assert set(calendar.weeks_left[calendar.push == calendar.push.max()]) == {0}
