from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from lifecycle.periods import Quarter
from models.forecast.gap.course import build_courses, own_course
from models.forecast.judged import Said
from tests.models.forecast.gap.quarter_story import QUARTER, courses


def said(period: str, week: int, value: float) -> Said:
    origin = Quarter.parse(period).start + timedelta(weeks=week)
    return Said(period, origin, week, ("total",), {}, np.array([value]), 0.5)


def test_past_forecasts_are_laid_out_by_week_with_gaps() -> None:
    past = [said("2011Q4", 2, 60.0), said("2011Q4", 0, 10.0)]
    found = build_courses(past, {"2011Q4": {"total": 200.0}}, before="2012Q1")
    shares = found.shares("total")[0]
    assert shares[[0, 2]].tolist() == [0.05, 0.3]
    assert np.isnan(shares[1])


def test_quarters_that_are_not_over_or_not_earlier_do_not_count() -> None:
    past = [said("2011Q3", 0, 1.0), said("2012Q1", 0, 1.0), said("2011Q4", -1, 1.0)]
    actuals = {"2011Q4": {"total": 1.0}, "2012Q1": {"total": 1.0}}
    assert build_courses(past, actuals, before="2012Q1").to_date_minor == {}


def test_a_quarter_that_ended_at_zero_has_no_shares() -> None:
    found = build_courses([said("2011Q4", 0, 0.0)], {"2011Q4": {"total": 0.0}}, before="2012Q1")
    assert found.shares("total").shape == (0, 0)


def test_the_own_course_holds_this_quarters_origins_so_far() -> None:
    past = [said("2012Q1", week, 10.0 * week) for week in (3, 1)] + [said("2011Q4", 1, 9.0)]
    found = own_course(past, QUARTER, origin=date(2012, 1, 20))
    assert found == {"total": [(date(2012, 1, 8), 10.0)]}


@pytest.mark.parametrize(("days", "share"), [(0, 0.0), (42, 6 / 13), (91, 1.0), (-5, 0.0)])
def test_the_usual_share_runs_from_nothing_to_all(days: int, share: float) -> None:
    day = QUARTER.start + timedelta(days=days)
    assert courses().share_by("total", QUARTER, day) == pytest.approx(share, abs=1e-9)


def test_few_quarters_are_shared_by_days() -> None:
    assert courses(3).share_by("total", QUARTER, date(2012, 2, 15)) == pytest.approx(45 / 91)
