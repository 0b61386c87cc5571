"""Which weeks of deals are looked at, and which quarters are judged."""

from __future__ import annotations

from datetime import date

import pytest

from lifecycle.errors import NotEnoughHistoryError
from lifecycle.periods import FiscalCalendar, Quarter
from training.deals.plan import plan_deals, quarter_landmarks


def test_a_quarter_has_thirteen_landmarks_from_its_first_day() -> None:
    days = quarter_landmarks(Quarter(2021, 4))
    assert (days[0], len(days), days[-1]) == (date(2021, 10, 1), 13, date(2021, 12, 24))


def test_a_quarter_of_14_weeks_has_a_landmark_in_each() -> None:
    retail = FiscalCalendar(2, "4-5-4", ends_on="saturday", ends_rule="nearest")
    days = quarter_landmarks(Quarter(2024, 4, retail))
    assert (days[0], len(days), days[-1]) == (date(2023, 10, 29), 14, date(2024, 1, 28))


def test_the_latest_eight_ended_quarters_are_judged() -> None:
    plan = plan_deals(date(2018, 1, 2), date(2021, 7, 15))
    assert [str(one) for one in plan.origins][0::7] == ["2019Q3", "2021Q2"]
    assert max(plan.landmarks) < date(2021, 7, 15)


def test_a_judged_quarter_learns_from_landmarks_before_it_alone() -> None:
    plan = plan_deals(date(2018, 1, 2), date(2021, 7, 15))
    quarter = plan.origins[0]
    assert max(plan.learn_days(quarter.start)) < quarter.start
    assert min(plan.judge_days(quarter)) == quarter.start


def test_the_fiscal_year_of_the_company_counts() -> None:
    plan = plan_deals(date(2019, 1, 2), date(2021, 7, 15), calendar=FiscalCalendar(2))
    assert plan.origins[-1].end == date(2021, 5, 1)


def test_too_few_quarters_are_told() -> None:
    plan = plan_deals(date(2020, 1, 2), date(2021, 1, 2))
    assert len(plan.origins) == 1
    assert "fewer than the 4 wanted" in plan.note


def test_without_an_ended_quarter_there_is_nothing_to_learn() -> None:
    with pytest.raises(NotEnoughHistoryError):
        plan_deals(date(2021, 1, 10), date(2021, 6, 1))
