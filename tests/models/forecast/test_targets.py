from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from models.forecast.targets import choose_aims, node_of
from tests.models.forecast.gap.quarter_story import NODES, QUARTER, target


def chosen(*targets: Any, forecast: str = "bookings") -> tuple[list[Any], list[str]]:
    aims, out = choose_aims(targets, QUARTER, forecast=forecast, nodes=NODES, currency="EUR")
    return [(one.node, one.amount_minor) for one in aims], [one.why for one in out]


def test_a_target_is_about_its_levels_node() -> None:
    smb = target(level="segment", level_name="smb")
    assert chosen(target(), smb) == ([("total", 1000), ("segment=smb", 1000)], [])


def test_monthly_amounts_count_twelve_times() -> None:
    assert chosen(target(metric="new_mrr"))[0] == [("total", 12_000)]


def test_targets_of_another_forecast_are_held_against_that_one() -> None:
    assert chosen(target(metric="revenue")) == ([], [])
    assert chosen(target(metric="revenue"), forecast="revenue")[0] == [("total", 1000)]


@pytest.mark.parametrize(
    ("start", "end", "counts"),
    [
        (date(2011, 10, 1), date(2012, 1, 1), False),
        (date(2012, 4, 1), date(2012, 7, 1), False),
        (date(2011, 10, 1), date(2012, 1, 2), True),
        (date(2012, 3, 31), date(2013, 1, 1), True),
    ],
)
def test_only_targets_that_touch_the_quarter_count(start: date, end: date, counts: bool) -> None:
    assert bool(chosen(target(start=start, end=end))[0]) == counts


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"metric": "pipeline"}, "no forecast measures 'pipeline'"),
        ({"amount_minor": None}, "it is not an amount of money"),
        ({"amount_minor": 0}, "its amount is not above zero"),
        ({"currency": "USD"}, "it is in USD, the forecast in EUR"),
        ({"level": "owner", "level_name": "R9"}, "the forecast has no node of owner 'R9'"),
    ],
)
def test_a_target_that_cannot_be_held_against_a_forecast_says_why(
    changed: dict[str, Any], why: str
) -> None:
    assert chosen(target(**changed)) == ([], [why])


def test_a_level_on_another_day_than_the_quarters_end_is_left_out() -> None:
    year = target(metric="arr", end=date(2013, 1, 1))
    assert "level on 2013-01-01" in chosen(year, forecast="ending_arr")[1][0]


def test_a_target_since_ever_is_left_out_not_walked_through() -> None:
    assert "longer than 1830 days" in chosen(target(start=date.min))[1][0]


@pytest.mark.parametrize("bound", ["segment=smb", "P1"])
def test_an_initiative_is_about_what_it_is_bound_to(bound: str) -> None:
    launch = target(level="initiative", level_name=bound)
    assert node_of(launch, [*NODES, "product=P1"]) in {"segment=smb", "product=P1"}


def test_an_initiative_bound_to_nothing_has_no_node() -> None:
    assert node_of(target(level="initiative", level_name="4x in a year"), NODES) is None
