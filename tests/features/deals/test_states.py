"""Which deals a landmark shows, and what it knows of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import isnan
from typing import Any

import numpy as np
import pytest

from features.days import day_number
from features.deals.days import day_of
from features.deals.facts import read_deal_facts
from features.deals.states import build_closings, left_out, weekly_landmarks
from lifecycle.history import History
from tests.features.deals.cases import DAY, EARLY, LATE, OPENED

Find = Callable[..., Any]


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("plain", {EARLY, DAY, LATE}),
        ("just-before", {DAY, LATE}),
        ("at-midnight", {LATE}),
        ("unknown-yet", {LATE}),
        ("reopened", {DAY, LATE}),
        ("handed", {EARLY, DAY}),
        ("lost-by-stage", {EARLY}),
        ("at-once", set()),
        ("renewal", set()),
    ],
)
def test_a_deal_is_shown_while_it_was_known_to_be_open(
    find: Find, name: str, days: set[date]
) -> None:
    assert {day for day in (EARLY, DAY, LATE) if find(name, day)} == days


def test_an_owner_who_took_over_at_the_close_is_not_the_owner_before(find: Find) -> None:
    assert find("handed")["owner_id"] == "o1"


def test_a_team_is_the_one_whose_first_day_has_come(find: Find) -> None:
    assert [find("plain", day)["team"] for day in (EARLY, DAY)] == ["north", "south"]


def test_a_deal_without_an_account_is_scored_without_one(find: Find) -> None:
    row = find("homeless")
    assert (row["account_id"], row["segment"]) == (None, None)
    assert row["amount_minor"] == 100_000


def test_a_deal_that_tells_no_creation_is_as_old_as_our_knowledge_of_it(find: Find) -> None:
    assert find("dateless")["age_days"] == (DAY - OPENED).days


def test_a_corrected_change_is_seen_as_first_told_until_the_correction(find: Find) -> None:
    assert find("corrected", EARLY)["close_on"] == date(2021, 12, 31)
    assert find("corrected")["close_on"] == date(2021, 7, 15)
    assert find("corrected")["push_count"] == 1


def test_renewals_and_deals_created_closed_are_counted(cases: History) -> None:
    facts = read_deal_facts(cases.as_of(LATE))
    assert left_out(facts) == {"renewals": 1, "created_and_closed": 1}


def test_a_closing_that_was_taken_back_says_until_when_it_stood(cases: History) -> None:
    facts = read_deal_facts(cases.as_of(LATE))
    closings = build_closings(facts)
    at = np.flatnonzero(closings.deal == facts.ids.to_pylist().index("reopened"))
    assert [day_of(int(day)) for day in closings.until[at]] == [date(2021, 5, 11)]
    assert not closings.is_won[at].any()


def test_weekly_landmarks_are_the_first_days_of_the_weeks_of_quarters() -> None:
    found = weekly_landmarks(day_number(date(2021, 6, 20)), day_number(date(2021, 7, 9)))
    assert [day_of(day) for day in found] == [
        date(2021, 6, 24), date(2021, 7, 1), date(2021, 7, 8)
    ]  # fmt: skip


def test_a_landmark_knows_its_place_in_the_quarter(find: Find) -> None:
    row = find("plain")
    told = (row["quarter_week"], row["weeks_left"], row["quarter_days_left"], row["quarter_month"])
    assert told == (8, 4, 30, 4)


def test_what_nobody_told_is_undefined(find: Find) -> None:
    row = find("plain")
    assert isnan(row["next_step_days"])
    assert isnan(row["discount_share"])
    assert row["has_competitor"] == 0
