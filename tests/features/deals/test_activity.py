"""Contacts count when they took place and were known before the landmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.features.deals.cases import LATE

Find = Callable[..., Any]


def test_windows_hold_what_happened_in_them_and_was_known(find: Find) -> None:
    row = find("called")
    told = [row[f"activities_{days}d_count"] for days in (7, 14, 28, 56)]
    assert told == [2, 4, 5, 5]


def test_a_contact_known_late_counts_from_then_on(find: Find) -> None:
    assert find("called")["activities_count"] == 5
    assert find("called", LATE)["activities_count"] == 7


def test_silence_runs_from_the_last_contact_and_from_the_last_answer(find: Find) -> None:
    row = find("called")
    assert (row["silence_days"], row["two_way_silence_days"]) == (4, 6)


def test_a_deal_without_contacts_has_been_silent_since_its_creation(find: Find) -> None:
    row = find("plain")
    assert (row["silence_days"], row["two_way_silence_days"]) == (92, 92)
    assert row["activities_56d_count"] == 0


def test_a_meeting_still_to_come_is_booked_and_has_not_been_held(find: Find) -> None:
    row = find("called")
    assert (row["next_meeting"], row["meetings_held_count"], row["no_shows_count"]) == (1, 1, 1)
    assert find("called", LATE)["next_meeting"] == 0


def test_replies_and_held_meetings_are_two_way(find: Find) -> None:
    assert find("called")["two_way_share"] == pytest.approx(2 / 5)


def test_people_are_counted_once(find: Find) -> None:
    row = find("called")
    assert (row["contacts_count"], row["people_max_count"]) == (2, 5)
    assert row["sentiment_mean"] == pytest.approx(0.125)


def test_a_reply_is_timed_from_what_we_sent_just_before(find: Find) -> None:
    row = find("called")
    assert (row["reply_hours"], row["replies_28d_count"], row["outreach_28d_count"]) == (504, 1, 2)


def test_what_comes_back_is_held_against_deals_in_the_same_stage(find: Find) -> None:
    assert find("called")["two_way_28d_peer_ratio"] > 1 > find("plain")["two_way_28d_peer_ratio"]
