"""Named what-ifs over HTTP: what was supposed and why, and what it came to."""

from __future__ import annotations

from tests.service.conftest import Client


def test_a_scenario_says_who_supposed_what_and_why(client: Client) -> None:
    (one,) = client.json("/v1/scenarios")["scenarios"]
    assert (one["name"], one["author"], one["rationale"]) == (
        "Acme signs",
        "Kim",
        "verbal yes of the board",
    )
    assert (one["definition"], one["period"]) == ("bookings", "2012Q1")


def test_a_scenario_shows_what_it_came_to_and_how_old_that_is(client: Client) -> None:
    answer = client.json("/v1/scenarios/Acme%20signs")
    (outcome,) = answer["outcomes"]
    assert outcome["result"] == {"delta_p50_minor": 5}
    assert (outcome["as_of"], outcome["stale"]) == ("2011-12-10", True)


def test_scenarios_can_be_cut_by_quarter_and_definition(client: Client) -> None:
    found = {
        query: len(client.json(f"/v1/scenarios?{query}")["scenarios"])
        for query in ("period=2012Q1", "period=2012Q2", "definition=bookings", "definition=orders")
    }
    assert list(found.values()) == [1, 0, 1, 0]


def test_an_unknown_scenario_names_those_there_are(client: Client) -> None:
    answer = client.get("/v1/scenarios/canary%20signs")
    assert (answer.status_code, answer.json()["type"][-16:]) == (404, "unknown-scenario")
    assert "Acme signs" in answer.json()["detail"]
    assert "canary" not in answer.text
