"""What moved a forecast: exact parts of what was kept, between the days it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.story import new_ledger
from tests.service.conftest import Client, make_key, open_client
from tests.service.quarter import BEFORE, GAP, bookings, deals, write_quarter

CHANGES = "/v1/forecasts/2012Q1/changes"


def test_the_parts_sum_to_the_difference_exactly(client: Client) -> None:
    answer = client.json(f"{CHANGES}?since={BEFORE}")
    assert (answer["before_minor"], answer["after_minor"]) == (9_001, 10_001)
    assert sum(one["minor"] for one in answer["parts"]) == answer["difference_minor"] == 1_000


def test_each_cause_names_the_units_that_moved_it(client: Client) -> None:
    parts = {one["part"]: one for one in client.json(f"{CHANGES}?since={BEFORE}")["parts"]}
    assert parts["slipped"]["largest"] == [{"unit": "D2", "minor": -1_200}]
    assert parts["new_pipeline"]["largest"] == [{"unit": "D3", "minor": 1_000}]
    assert "left the quarter" in parts["slipped"]["meaning"]


def test_a_day_between_two_forecasts_means_the_one_that_stood_then(client: Client) -> None:
    answer = client.json(f"{CHANGES}?since=2011-12-07")
    assert (answer["since"], answer["until"]) == (str(BEFORE), "2011-12-10")


def test_without_a_later_forecast_nothing_moved(client: Client) -> None:
    for query in ("since=2011-12-11", f"since=2011-12-11&as_of={BEFORE}"):
        answer = client.json(f"{CHANGES}?{query}")
        assert (answer["difference_minor"], answer["parts"]) == (0, [])
        assert "nothing moved" in answer["notes"][0]


def test_without_kept_units_the_parts_of_the_mean_are_compared(client: Client) -> None:
    answer = client.json(f"{CHANGES}?since={BEFORE}&definition=orders")
    parts = {one["part"]: one["minor"] for one in answer["parts"]}
    assert parts == {"to_date": 50, "open": 9_350}
    assert answer["difference_minor"] == 9_400
    assert "no deals or contracts were kept" in answer["notes"][0]


def test_a_day_before_the_first_forecast_names_those_there_are(client: Client) -> None:
    answer = client.get(f"{CHANGES}?since=2011-12-01")
    assert answer.status_code == 404
    assert f"2011-12-10, {BEFORE}" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["", "?since=soon", "?since=1323475200"])
def test_a_day_to_compare_with_is_needed(client: Client, query: str) -> None:
    assert client.get(f"{CHANGES}{query}").status_code == 422


def test_the_gap_is_answered_as_it_was_issued(client: Client) -> None:
    answer = client.json("/v1/forecasts/2012Q1/gap")
    assert (answer["definition"], answer["origin"]) == ("bookings", "2011-12-10")
    assert answer["gap"] == GAP


def test_a_forecast_without_a_gap_says_what_to_do(client: Client) -> None:
    for query in ("definition=orders", f"as_of={BEFORE}"):
        answer = client.get(f"/v1/forecasts/2012Q1/gap?{query}")
        assert answer.status_code == 404
        assert "truecast refresh" in answer.json()["detail"]


def test_a_forecast_said_twice_of_a_day_counts_as_said_last(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    write_quarter(ledger, [bookings(9_000.0, origin=BEFORE, week=0)], deals("before"))
    for p50 in (9_900.0, 10_000.0):
        write_quarter(ledger, [bookings(p50)], deals())
    client = open_client(tmp_path, make_key(tmp_path, ledger))
    assert client.json(f"{CHANGES}?since={BEFORE}")["after_minor"] == 10_001
