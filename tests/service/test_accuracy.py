"""How right forecasts were, over HTTP: by week, leg and node, as JSON and as a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from ledger.engine import Ledger
from tests.ledger.forecast_story import (
    book,
    past_book,
    publish_books,
    publish_judged,
    said,
    with_chance,
)
from tests.ledger.story import new_ledger
from tests.service.conftest import Client, make_key, open_client


@pytest.fixture
def own(tmp_path: Path) -> tuple[Ledger, Client]:
    """A ledger that the test fills, and a client of it."""
    ledger = new_ledger(tmp_path)
    return ledger, open_client(tmp_path, make_key(tmp_path, ledger))


def test_accuracy_comes_by_week_and_leg_with_its_n(client: Client) -> None:
    answer = client.json("/v1/accuracy?leg=combined")
    assert {(row["week"], row["n"]) for row in answer["by_week"]} == {(0, 8), (1, 8)}
    (whole,) = answer["all_weeks"]
    assert (whole["n"], whole["periods_count"]) == (16, 8)
    assert whole["wape"] == pytest.approx(0.05)
    assert whole["formulas"]["attainment"] == pytest.approx(1.05)


def test_the_ladder_counts_quarters_against_each_rival(client: Client) -> None:
    ladder = client.json("/v1/accuracy?leg=served")["ladder"]
    duel = next(one for one in ladder if one["rival"] == "conversion")
    assert (duel["won"], duel["lost"], duel["tied"], duel["n"]) == (8, 0, 0, 16)
    assert duel["wape_ratio"] == pytest.approx(0.5)
    assert len(duel["quarters"]) == 8


def test_a_record_that_a_simple_rule_beats_says_so(own: tuple[Ledger, Client]) -> None:
    periods = [f"2011Q{number}" for number in (1, 2, 3, 4)]
    past = [past_book(one, {"combined": 120.0, "last_quarter": 101.0}) for one in periods]
    publish_judged(own[0], past, dict.fromkeys(periods, 100.0))
    answer = own[1].json("/v1/accuracy")
    assert answer["simple"] == "last_quarter"
    assert answer["verdict"].startswith("use the simple one: last_quarter")


def test_live_and_backtest_are_told_apart(own: tuple[Ledger, Client]) -> None:
    publish_judged(own[0], [past_book("2011Q1", {"combined": 90.0})], {"2011Q1": 100.0})
    publish_judged(own[0], [past_book("2011Q1", {"combined": 80.0})], {"2011Q1": 100.0}, "forecast")
    shares = {
        source: own[1].json(f"/v1/accuracy?source={source}&leg=combined")["all_weeks"][0]["wape"]
        for source in ("backtest", "live")
    }
    assert shares == pytest.approx({"backtest": 0.1, "live": 0.2})


def test_without_a_backtest_what_was_issued_speaks(own: tuple[Ledger, Client]) -> None:
    publish_books(own[0], [book()])
    answer = own[1].json("/v1/accuracy")
    assert (answer["source"], answer["all_weeks"], answer["ladder"]) == ("live", [], [])
    assert "not yet judged" in answer["verdict"]


def test_each_node_of_a_dimension_can_be_asked_for(own: tuple[Ledger, Client]) -> None:
    rows = [said(), *[said(node=f"segment={name}", served=True) for name in ("mid", "smb")]]
    publish_judged(own[0], [book(rows, period="2011Q1")], {"2011Q1": 100.0})
    answer = own[1].json("/v1/accuracy?by=segment&leg=combined")
    assert [row["node"] for row in answer["all_weeks"]] == ["segment=mid", "segment=smb"]
    assert (answer["node"], answer["by_week"]) == (None, [])
    assert own[1].json("/v1/accuracy?node=segment=smb")["by_week"][0]["node"] == "segment=smb"


@pytest.mark.parametrize(
    ("query", "kind", "known"),
    [
        ("node=segment=canary", "unknown-node", "total"),
        ("leg=canary", "unknown-leg", "combined, conversion, last_quarter, served"),
        ("by=region", "unknown-dimension", "only the total"),
    ],
)
def test_what_nothing_bears_names_what_there_is(
    client: Client, query: str, kind: str, known: str
) -> None:
    answer = client.get(f"/v1/accuracy?{query}")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (404, kind)
    assert known in answer.json()["detail"]
    assert "canary" not in answer.text


def test_a_definition_without_a_record_names_those_with_one(client: Client) -> None:
    answer = client.get("/v1/accuracy?definition=ending_arr")
    assert answer.status_code == 404
    assert "bookings (backtest)" in answer.json()["detail"]


def test_the_vintages_of_a_period_are_shown(client: Client) -> None:
    answer = client.json("/v1/accuracy?period=2011Q1&leg=combined")
    assert [(row["week"], row["p50_minor"]) for row in answer["vintages"]] == [(0, 105), (1, 105)]
    served = client.json("/v1/accuracy?period=2011Q1&leg=served")["vintages"]
    assert served == answer["vintages"]


def test_chances_to_reach_targets_have_a_record(own: tuple[Ledger, Client]) -> None:
    past = [past_book(f"2011Q{number}", {"combined": 100.0}) for number in (1, 2)]
    chances = [with_chance(one, 0.8, 95.0) for one in past]
    publish_judged(own[0], chances, {"2011Q1": 100.0, "2011Q2": 90.0})
    found = own[1].json("/v1/accuracy")["targets"]
    assert (found["n"], found["hits_count"], found["hit_rate"]) == (2, 1, 0.5)
    assert found["brier"] == pytest.approx((0.2**2 + 0.8**2) / 2)


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "*/*", "application/json"),
        ("", "text/csv", "text/csv; charset=utf-8"),
        ("?format=csv", "*/*", "text/csv; charset=utf-8"),
        ("?format=json", "text/csv", "application/json"),
    ],
)
def test_the_form_is_the_one_asked_for(client: Client, query: str, accept: str, kind: str) -> None:
    headers = {"authorization": f"Bearer {client.key}", "accept": accept}
    answer = client.get(f"/v1/accuracy{query}", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)


def test_a_file_has_one_line_a_leg_and_week(client: Client) -> None:
    text = client.get("/v1/accuracy?format=csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    told = client.json("/v1/accuracy")
    assert len(rows) == len(told["by_week"]) + len(told["all_weeks"]) == 12
    assert {(row["definition"], row["source"]) for row in rows} == {("bookings", "backtest")}
    assert [row["wape"] for row in rows[:1]] == [str(told["by_week"][0]["wape"])]
    assert sum(int(rows[0][f"pit_{tenth}"]) for tenth in range(1, 11)) == 8


def test_published_backtests_are_listed_by_definition(client: Client) -> None:
    (found,) = client.json("/v1/backtests")["backtests"]
    assert (found["definition"], found["quarters_count"], found["origins_count"]) == (
        "bookings",
        8,
        16,
    )
    assert (found["quarters"][0]["period"], found["quarters"][0]["actual_minor"]) == (
        "2010Q1",
        100.0,
    )
    assert client.json("/v1/backtests?definition=revenue")["backtests"] == []
