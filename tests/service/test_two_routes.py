"""Accounts with and without contract in one list, what came of the scores, and made-up facts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.outcomes import write_outcomes
from ledger.runs import publish_run
from ledger.scores import write_scores
from lifecycle.periods import FiscalCalendar
from service.app import create_app
from service.deps import Options
from tests.ledger.forecast_story import fill_forecasts
from tests.ledger.story import (
    CONTRACT,
    DAY,
    address,
    fill,
    new_ledger,
    new_run,
    outcome,
    publish_both_routes,
    release,
    score,
)
from tests.service.conftest import Client, make_key, open_client


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = new_ledger(tmp_path)
    publish_both_routes(made)
    return made


@pytest.fixture
def client(tmp_path: Path, ledger: Ledger) -> Client:
    return open_client(tmp_path, make_key(tmp_path, ledger))


def ids(client: Client, query: str = "") -> list[str]:
    return [row["account_id"] for row in client.json(f"/v1/at-risk{query}")["accounts"]]


def test_one_list_ranks_both_routes_by_expected_loss(client: Client) -> None:
    assert ids(client) == ["C2", "A2", "C1", "A1"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?route=contractual", ["C2", "C1"]),
        ("?route=non_contractual", ["A2", "A1"]),
        ("?status=notice_given", ["C3"]),
        ("?status=all", ["C2", "A2", "C1", "A1", "C3"]),
        ("?sort=days_to_act", ["C2", "C1", "A1", "A2"]),
    ],
)
def test_the_list_can_be_cut_and_ordered(client: Client, query: str, expected: list[str]) -> None:
    assert ids(client, query) == expected


def test_a_contract_shows_when_it_may_leave_and_the_time_left_to_act(client: Client) -> None:
    row = client.json("/v1/at-risk?route=contractual")["accounts"][1]
    assert row["curve"] == CONTRACT["curve"]
    assert row["causes"] == CONTRACT["causes"]
    assert (row["days_to_act"], row["arr_at_risk_minor"]) == (45, 48_000.0)
    assert row["notice_by_on"] == str(DAY + timedelta(days=45))
    assert row["recency_days"] is None


def test_both_releases_are_named(client: Client) -> None:
    assert client.json("/v1/at-risk")["model_version"] == "1,c1"


def test_an_account_shows_its_row_of_the_list_and_the_models_detail(client: Client) -> None:
    answer = client.json("/v1/accounts/C2")
    assert (answer["at_risk"]["treatment"], answer["at_risk"]["days_to_act"]) == ("held_out", 3)
    assert answer["scores"][0]["detail"]["curve"] == CONTRACT["curve"]
    assert client.json("/v1/accounts/A1")["scores"][0]["detail"] == {}


def test_who_gave_notice_before_any_score_is_still_known(client: Client) -> None:
    answer = client.json("/v1/accounts/C3")
    assert (answer["status"], answer["scores"]) == ("notice_given", [])
    assert answer["at_risk"]["leaving_on"] == str(DAY)


def test_an_account_shows_what_came_of_its_scores(client: Client, ledger: Ledger) -> None:
    left = {"happened": True, "happened_on": DAY, "cause": "midterm", "route": "contractual"}
    write_outcomes(ledger, [outcome(1, "C1", **left)])
    (found,) = client.json("/v1/accounts/C1")["outcomes"]
    assert (found["happened"], found["cause"], found["value"]) == (True, "midterm", 0.25)


def test_the_head_over_scores_speaks_only_of_what_they_share(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "mixed")
    short = release(ledger, "clv", version="s")
    far = release(ledger, "clv", version="f", days=1825, route="contractual")
    release_id, run_id = release(ledger, "clv", version="unused", days=365), new_run(ledger)
    money = {"model": "clv", "unit": "minor", "currency": "GBP"}
    rows = [score("A1", short, **money), score("C1", far, **money, horizon_days=1825)]
    write_scores(ledger, run_id, [*rows, score("A1", release_id, **money, horizon_days=365)])
    publish_run(ledger, run_id)
    client = open_client(tmp_path / "mixed", make_key(tmp_path / "mixed", ledger))
    asked = ("id=A1&id=C1", "id=C1", "id=C1&id=A1&horizon_days=1825", "id=A1")
    heads = [client.json(f"/v1/scores/clv?{query}") for query in asked]
    found = [(one["horizon_days"], one["model_version"]) for one in heads]
    assert found == [(None, "f,s"), (1825, "f"), (1825, "f"), (90, "s")]


def test_the_track_record_follows_the_outcomes(client: Client, ledger: Ledger) -> None:
    assert client.json("/v1/churn/track-record")["records"] == []
    write_outcomes(ledger, [outcome(1, "A1"), outcome(1, "C1", route="contractual", treated=True)])
    found = client.json("/v1/churn/track-record")["records"]
    groups = [(one["route"], one["group"], one["n"]) for one in found]
    assert groups == [
        ("contractual", "all", 1),
        ("contractual", "treated", 1),
        ("non_contractual", "all", 1),
        ("non_contractual", "untreated", 1),
    ]
    assert client.json("/v1/churn/track-record?route=contractual")["records"] == found[:2]


def test_the_track_record_tells_of_the_random_arms(client: Client) -> None:
    rescue = client.json("/v1/churn/track-record")["rescue"]
    assert (rescue["campaign"], rescue["drawn_count"]) == ("retention", 0)
    assert "nothing can be said" in rescue["verdict"]


@pytest.mark.parametrize("synthetic", [True, False])
def test_every_answer_says_whether_the_facts_are_made_up(tmp_path: Path, synthetic: bool) -> None:
    ledger = new_ledger(tmp_path / "other")
    fill(ledger)
    fill_forecasts(ledger)
    key = make_key(tmp_path / "other", ledger)
    options = Options(tmp_path / "other", 30, FiscalCalendar(12), synthetic)
    client = Client(create_app(address(tmp_path / "other"), options), key)
    for path in ("at-risk", "accounts/A01", "scores/churn?id=A01", "scores/churn?id=no",
                 "forecasts/2012Q1", "accuracy", "churn/track-record", "models"):  # fmt: skip
        assert client.json(f"/v1/{path}")["synthetic"] is synthetic, path
    assert client.json("/readyz")["synthetic"] is synthetic
    assert ("SYNTHETIC" in client.get("/docs").text) is synthetic
