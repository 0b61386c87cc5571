"""The truth about recurring revenue agrees with what the world then does."""

from datetime import date, timedelta

import pytest

from lifecycle.periods import Quarter
from lifecycle.world.revenue_truth import revenue_truth
from lifecycle.world.trace import KINDS
from tests.lifecycle.world.worlds import tiny

QUARTER = Quarter(2022, 2)


def seen_from(day: date) -> tuple[float, float, float]:
    start = tiny().params.start
    week = -(-(day - start).days // 7)
    found = revenue_truth(tiny(), week, quarter=QUARTER, draws=8)
    return found.revenue_minor, found.ending_minor, found.renewals_minor


def ending() -> float:
    moves = tiny().movements
    before = moves[moves["effective_day"] < (QUARTER.end - tiny().params.start).days]
    return 12.0 * float((before["mrr_after_minor"] - before["mrr_before_minor"]).sum())


def test_late_in_the_quarter_the_truth_is_what_comes() -> None:
    _, found, _ = seen_from(QUARTER.end - timedelta(days=8))
    assert found == pytest.approx(ending(), rel=0.02)


def test_early_in_the_quarter_the_truth_is_near_what_comes() -> None:
    _, found, _ = seen_from(QUARTER.start)
    assert found == pytest.approx(ending(), rel=0.08)


def test_revenue_is_a_quarter_of_the_arr_between() -> None:
    revenue, found, _ = seen_from(QUARTER.start)
    assert revenue == pytest.approx(found / 4, rel=0.05)


def test_renewals_count_each_term_of_more_than_a_month_once() -> None:
    moves, start = tiny().movements, tiny().params.start
    here = moves[moves["kind"] == KINDS.index("renewal")]
    here = here[tiny().lines.term_months[here["line"]] > 1]
    first, end = ((one - start).days for one in (QUARTER.start, QUARTER.end))
    inside = (here["effective_day"] >= first) & (here["effective_day"] < end)
    _, _, found = seen_from(QUARTER.end - timedelta(days=8))
    assert found == pytest.approx(12.0 * float(here["mrr_before_minor"][inside].sum()), rel=0.02)
