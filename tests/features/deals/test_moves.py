"""What a deal's history says of it, however and in whatever order it was told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from math import isnan, log
from typing import Any

import pytest

from features.deals.landmarks import deal_frame
from lifecycle.history import History
from lifecycle.periods import FiscalCalendar
from tests.features.deals.cases import DAY, EARLY

Find = Callable[..., Any]
SAME = ("stage", "stage_position", "amount_minor", "amount_edits_count", "push_count",
        "stage_moves_count", "close_on")  # fmt: skip


def test_pushes_and_pulls_of_the_close_date_are_counted_apart(find: Find) -> None:
    row = find("pushed")
    told = [row[f"{move}_{unit}"] for move in ("push", "pull") for unit in ("count", "days")]
    assert told == [2, 31 + 15, 1, 46]


def test_the_expected_close_is_measured_from_the_landmark(find: Find) -> None:
    row = find("pushed")
    assert (row["close_days"], row["close_in_quarter"], row["overdue_days"]) == (29, 1, 0)
    assert (row["close_placeholder"], row["close_quarter_end"]) == (1, 1)
    assert find("pushed", EARLY)["close_in_quarter"] == 0


@pytest.mark.parametrize(("first_month", "is_end"), [(1, 1), (2, 0), (4, 1)])
def test_the_last_day_of_a_quarter_is_that_of_the_fiscal_year(
    cases: History, first_month: int, is_end: int
) -> None:
    frame = deal_frame(cases.as_of(DAY), calendar=FiscalCalendar(first_month)).to_pylist()
    (row,) = [one for one in frame if one["opportunity_id"] == "plain"]
    assert row["close_quarter_end"] == is_end


def test_a_close_date_that_has_passed_is_overdue_and_still_in_the_quarter(find: Find) -> None:
    row = find("plain", date(2021, 7, 1))
    assert (row["overdue_days"], row["close_in_quarter"]) == (1, 1)


def test_an_edit_told_as_a_change_and_as_a_version_counts_once(find: Find) -> None:
    assert find("twice")["amount_edits_count"] == 1
    assert find("twice")["amount_change_log"] == pytest.approx(log(1.2))


@pytest.mark.parametrize("name", ["by-changes", "by-both"])
def test_versions_changes_and_both_tell_the_same_deal(find: Find, name: str) -> None:
    told, other = find(name), find("by-versions")
    assert {key: told[key] for key in SAME} == {key: other[key] for key in SAME}


def test_the_first_change_of_a_field_says_what_stood_there_before(find: Find) -> None:
    assert (find("undated")["push_count"], find("undated")["push_days"]) == (1, 30)


def test_a_change_told_after_a_later_one_moves_nothing(find: Find) -> None:
    row = find("late-news")
    assert (row["stage"], row["stage_moves_count"]) == ("offer", 1)


def test_skips_regressions_and_loops_are_counted(find: Find) -> None:
    row = find("zigzag")
    told = {name: row[f"stage_{name}_count"] for name in ("moves", "skips", "regressions", "loops")}
    assert told == {"moves": 3, "skips": 1, "regressions": 1, "loops": 1}
    assert row["forward_days"] == pytest.approx(41.5, abs=0.1)


def test_a_deal_opened_again_is_told_to_be(find: Find) -> None:
    assert [find(name)["reopened_count"] for name in ("plain", "reopened")] == [0, 1]


def test_a_renamed_stage_is_the_same_stage_without_a_move(find: Find) -> None:
    row = find("renamed")
    assert (row["stage"], row["stage_moves_count"]) == ("demo", 1)
    assert row["stage_age_days"] == pytest.approx(56.5, abs=0.1)


def test_a_stage_that_the_map_does_not_know_has_no_place(find: Find) -> None:
    row = find("mystery")
    assert row["stage"] == "(unmapped)"
    assert isnan(row["stage_position"])
    assert isnan(row["stage_win_share"])


@pytest.mark.parametrize("name", ["no-amount", "zero", "absurd"])
def test_an_amount_that_cannot_be_is_not_told(find: Find, name: str) -> None:
    assert isnan(find(name)["amount_minor"])
    assert isnan(find(name)["amount_z"])


@pytest.mark.parametrize("name", ["past", "far"])
def test_a_close_date_that_cannot_be_is_not_told(find: Find, name: str) -> None:
    row = find(name)
    assert row["close_on"] is None
    assert isnan(row["close_days"])
    assert isnan(row["close_in_quarter"])


def test_a_slip_of_the_key_leaves_what_was_told_before(find: Find) -> None:
    row = find("slipped-key")
    assert (row["amount_minor"], row["close_on"]) == (100_000, date(2021, 6, 30))


def test_amounts_are_compared_within_their_currency_only(find: Find) -> None:
    assert isnan(find("euro")["amount_z"])
    assert not isnan(find("twice")["amount_z"])
    assert find("euro")["amount_minor"] == 100_000


def test_stage_ages_are_held_against_deals_won_by_then(find: Find) -> None:
    row = find("plain")
    assert row["stage_age_vs_won"] == pytest.approx(row["stage_age_days"] / 10)
    assert row["stage_overdue_won_p90"] == 1
    assert isnan(find("zigzag")["stage_age_vs_won"])  # nobody was won who had an offer


def test_ages_run_to_the_landmark(find: Find) -> None:
    assert find("plain")["age_days"] == pytest.approx((DAY - date(2021, 3, 1)).days - 0.5)


def test_any_edit_shows_that_somebody_looks_after_the_deal(find: Find) -> None:
    assert find("pushed")["edit_days"] == pytest.approx(11.5, abs=0.1)
    assert find("plain")["edit_days"] == find("plain")["age_days"]


def test_a_placeholder_does_not_hide_the_last_firm_close_date(find: Find) -> None:
    assert find("pushed")["close_firm_days"] == 14
    assert isnan(find("plain")["close_firm_days"])
