from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from models.forecast.gap.answer import NO_GROUND, NO_TARGETS, quarter_chances
from models.forecast.gap.levers import NO_PIPELINE
from tests.models.forecast.gap.quarter_story import target
from tests.models.forecast.gap.toy_quarter import gap_of, ground, shown

MEDIAN = round(float(shown().grid_minor[0, 10]))


def aim(gap: int) -> object:
    return target(amount_minor=MEDIAN + gap)


def test_the_answer_is_json() -> None:
    told = gap_of(ground(), aim(300))
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_without_targets_everything_else_still_answers() -> None:
    told = gap_of(ground())
    assert NO_TARGETS in told["notes"]
    assert (told["main_target"], told["plan"]) == (None, None)
    assert told["pipeline"]["yield_share"] == pytest.approx(0.3)
    assert told["levers"][0]["delta_p50_minor"] > 0
    assert told["levers"][0]["p_hit"] is None


def test_a_target_over_an_earlier_quarter_that_nobody_knows_makes_no_gap() -> None:
    year = target(start=date(2011, 1, 1), amount_minor=4 * MEDIAN)
    told = gap_of(ground(), year)
    assert (told["targets"], told["main_target"], told["plan"]) == ([], None, None)
    (left_out,) = told["left_out"]
    assert left_out["why"].startswith("nothing is known yet of 2011Q4")
    assert NO_TARGETS not in told["notes"]


def test_a_forecast_that_cannot_be_simulated_again_has_no_levers() -> None:
    told = gap_of(None, aim(300))
    assert told["notes"] == [NO_GROUND]
    assert told["targets"][0]["gap_minor"] == pytest.approx(300, abs=1)
    assert told["levers"] == []


def test_every_lever_says_what_it_brings_and_how_hard_it_is() -> None:
    told = gap_of(ground(), aim(300))["levers"]
    assert {one["kind"] for one in told} == {"win_rate", "recover", "pull_in", "save", "create"}
    assert all(one["effort"] >= 1 and one["feasibility"] != "none" for one in told)
    gains = [one["delta_p50_minor"] for one in told]
    assert gains == sorted(gains, reverse=True)


def test_a_lever_raises_the_chance_to_reach_the_target() -> None:
    told = gap_of(ground(), aim(300))
    best = told["levers"][0]
    assert best["delta_p_hit"] > 0.05
    assert best["p_hit"] - best["delta_p_hit"] == pytest.approx(
        told["targets"][0]["p_hit"], abs=0.02
    )


def test_levers_change_the_number_that_is_shown_not_the_simulations() -> None:
    wide = gap_of(ground(), aim(300), wider=3.0)
    for one in wide["levers"]:
        assert one["p50_minor"] == pytest.approx(MEDIAN + one["delta_p50_minor"], abs=2)
    assert wide["targets"][0]["p_hit"] > gap_of(ground(), aim(300))["targets"][0]["p_hit"]


def test_what_a_lever_brings_is_told_by_owner() -> None:
    told = {one["lever"]: one for one in gap_of(ground())["levers"]}
    offer = told["win_rate:offer"]["by_owner"]
    assert {one["owner"] for one in offer} == {"R1", "R2"}
    sums = sum(one["delta_mean_minor"] for one in offer)
    assert sums == pytest.approx(told["win_rate:offer"]["delta_mean_minor"], abs=2)


def test_the_cheapest_plan_closes_the_gap_with_few_units() -> None:
    plan = gap_of(ground(), aim(500))["plan"]
    assert plan["closes"]
    assert plan["closed_minor"] >= plan["gap_minor"] == 500
    assert plan["effort"] == sum(step["effort"] for step in plan["steps"])
    assert plan["steps"][-1]["p_hit"] > 0.45


def test_the_plan_takes_the_most_gain_for_the_effort_first() -> None:
    told = gap_of(ground(creates=False), aim(500))
    rates = {one["lever"]: one["delta_p50_minor"] / one["effort"] for one in told["levers"]}
    assert told["plan"]["steps"][0]["lever"] == max(rates, key=lambda name: rates[name])


def test_of_new_pipeline_the_plan_takes_only_what_is_left() -> None:
    plan = gap_of(ground(), aim(500))["plan"]
    assert plan["closed_minor"] == pytest.approx(plan["gap_minor"], rel=0.1)


def test_a_gap_beyond_all_levers_says_what_is_left() -> None:
    plan = gap_of(ground(creates=False), aim(100_000))["plan"]
    assert not plan["closes"]
    assert plan["left_minor"] + plan["closed_minor"] == plan["gap_minor"]


def test_a_target_within_reach_needs_no_plan() -> None:
    assert gap_of(ground(), aim(-100))["plan"] is None


def test_late_in_the_quarter_new_pipeline_is_said_to_feed_the_next_one() -> None:
    told = gap_of(ground(share=0.04), aim(300))
    assert told["pipeline"]["sentence"] == NO_PIPELINE
    assert told["pipeline"]["to_create_minor"] is None
    assert "create" not in {one["kind"] for one in told["levers"]}


def test_while_it_helps_the_pipeline_to_create_is_the_gap_by_its_yield() -> None:
    told = gap_of(ground(), aim(300))["pipeline"]
    assert told["to_create_minor"] == pytest.approx(300 / 0.3, rel=0.01)
    assert told["sentence"] is None


def test_chances_of_the_quarters_own_targets_are_kept_to_be_scored() -> None:
    half = target(target_id="T2", end=np.datetime64("2012-07-01").item(), amount_minor=9000)
    assert [one["target_id"] for one in quarter_chances(shown(), [aim(300), half])] == ["T1"]


def test_the_gap_tells_the_chances_that_are_kept() -> None:
    goals = [aim(300), target(target_id="T2", start=np.datetime64("2011-10-01").item())]
    told = {one["target_id"]: one["p_hit"] for one in gap_of(None, *goals)["targets"]}
    (kept,) = quarter_chances(shown(), goals)
    assert told[kept["target_id"]] == kept["p_hit"]


def test_a_quarter_without_deals_or_accounts_has_no_levers_but_new_pipeline() -> None:
    told = gap_of(ground(deals=None, accounts=None, simulator=ground().simulator), aim(300))
    assert {one["kind"] for one in told["levers"]} == {"create"}


def test_targets_of_parts_and_of_later_ends_stand_behind_the_quarters_own() -> None:
    part = target(target_id="T0", end=np.datetime64("2012-02-01").item())
    told = gap_of(ground(), part, aim(300))
    assert told["main_target"] == "T1"
