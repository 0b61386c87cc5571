from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from models.forecast.gap.attainment import unknown_quarters
from models.forecast.gap.course import Courses
from models.forecast.grid import normal_grid
from models.forecast.targets import Aim
from tests.models.forecast.gap.quarter_story import (
    ORIGIN,
    QUARTER,
    assessed,
    courses,
    standing,
    target,
)


def test_a_target_of_the_quarter_is_held_against_its_forecast() -> None:
    told = assessed(target())
    assert (told["covers"], told["attained_minor"], told["remaining_minor"]) == (
        "quarter",
        400,
        600,
    )
    assert (told["p50_minor"], told["gap_minor"]) == (900, 100)
    assert told["p_hit"] == pytest.approx(0.1587, abs=0.005)


def test_a_quarter_that_is_over_is_hit_or_not() -> None:
    over = {"grid_minor": normal_grid(np.array([1000.0, 1.0]), np.zeros(2))}
    assert assessed(target(), **over)["p_hit"] == 1.0
    assert assessed(target(amount_minor=1001), **over)["p_hit"] == 0.0


def test_coverage_tells_what_it_would_take_at_the_usual_yield() -> None:
    told = assessed(target())["coverage"]
    assert told["usual_yield"] == pytest.approx((800 - 400) / 2000)
    assert told["ratio"] == pytest.approx(2000 / 600)
    assert (told["needed_minor"], told["short_minor"]) == (3000, 1000)


def test_a_node_without_pipeline_has_no_coverage() -> None:
    assert assessed(target(), node="segment=smb")["coverage"] is None


def test_pipeline_that_brings_nothing_says_nothing_of_what_is_needed() -> None:
    told = assessed(target(), conversion_minor=np.array([400.0, np.nan]))["coverage"]
    assert told["needed_minor"] is None
    assert told["usual_yield"] is None


@pytest.mark.parametrize(("amount", "verdict"), [(2000, "behind"), (870, "within"), (400, "ahead")])
def test_pacing_compares_with_the_fan_of_past_quarters(amount: int, verdict: str) -> None:
    told = assessed(target(amount_minor=amount), courses=courses(noise=0.1))["pacing"]
    assert told["verdict"] == verdict
    assert told["p50"] == pytest.approx(6 / 13)
    assert told["p10"] < told["p50"] < told["p90"]
    assert (told["week"], told["quarters"]) == (6, 5)


def test_fewer_than_four_past_quarters_make_no_fan() -> None:
    assert assessed(target(), courses=courses(3))["pacing"] is None


def test_a_young_node_is_paced_by_the_total() -> None:
    assert assessed(target(amount_minor=300), node="segment=smb")["pacing"]["of"] == "total"


def test_a_target_over_several_quarters_counts_what_ended_ones_brought() -> None:
    year = target(start=date(2011, 10, 1), amount_minor=2000)
    told = assessed(year, actuals={"2011Q4": {"total": 1100.0}})
    assert (told["covers"], told["attained_minor"], told["p50_minor"]) == ("several", 1500, 2000)
    assert told["p_hit"] == pytest.approx(0.5, abs=0.01)


def test_an_earlier_quarter_without_an_actual_is_named() -> None:
    aim = Aim(target(start=date(2011, 10, 1)), "total", 1000)
    assert unknown_quarters(aim, standing(), {}) == ["2011Q4"]
    assert unknown_quarters(aim, standing(), {"2011Q4": {"total": 1.0}}) == []


def test_a_target_that_began_inside_an_earlier_quarter_counts_it_by_days() -> None:
    late = target(start=date(2011, 11, 16))
    told = assessed(late, actuals={"2011Q4": {"total": 920.0}})
    assert told["attained_minor"] == 460 + 400
    assert "2011Q4 counts by days, 50% of it" in told["notes"]


def test_a_target_that_runs_on_is_told_whether_it_is_on_pace() -> None:
    half = target(end=QUARTER.shift(1).end, amount_minor=1820)
    told = assessed(half)
    assert told["p_hit"] is None
    assert told["due_by_quarter_end_minor"] == 910
    assert told["p_on_pace"] == pytest.approx(0.46, abs=0.01)


def test_a_target_of_the_rest_of_the_quarter_counts_only_what_is_to_come() -> None:
    told = assessed(target(start=ORIGIN, amount_minor=500))
    assert (told["covers"], told["attained_minor"], told["p50_minor"]) == ("part", 0, 500)


def test_a_target_of_weeks_to_come_gets_their_usual_share() -> None:
    first = QUARTER.start + timedelta(weeks=6)
    told = assessed(target(start=first, end=first + timedelta(weeks=1)), origin=first)
    assert told["p50_minor"] == round(500 / 7)


def test_a_target_of_weeks_that_are_over_counts_what_came_in_them() -> None:
    course = {"total": [(QUARTER.start + timedelta(weeks=4), 250.0)]}
    early = target(end=QUARTER.start + timedelta(weeks=4), amount_minor=200)
    told = assessed(early, own_course=course)
    assert (told["attained_minor"], told["p_hit"]) == (250, 1.0)


def test_without_past_quarters_a_part_is_split_by_days() -> None:
    told = assessed(target(end=date(2012, 3, 7)), courses=Courses({}, {}))
    assert told["p50_minor"] == 400 + round(500 * 24 / 49)
    assert "part of the quarter" in told["notes"][0]


def test_a_level_on_the_quarters_last_day_adds_no_earlier_quarters() -> None:
    arr = target(metric="arr", start=date(2011, 4, 1))
    told = assessed(arr, actuals={"2011Q4": {"total": 1100.0}})
    assert (told["covers"], told["p50_minor"], told["attained_minor"]) == ("quarter", 900, 400)


def test_a_level_is_all_there_whatever_was_there_when_the_quarter_began() -> None:
    for course in ({}, {"total": [(QUARTER.start, 390.0)]}):
        told = assessed(target(metric="arr"), own_course=course)
        assert (told["attained_minor"], told["p50_minor"]) == (400, 900)
    first = assessed(target(metric="arr"), origin=QUARTER.start)
    assert (first["attained_minor"], first["p50_minor"]) == (400, 900)
