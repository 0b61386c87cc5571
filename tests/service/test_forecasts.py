"""What is told of a quarter: one target at a time, parts that add up, and the record beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from tests.ledger.forecast_story import book, publish_books, said
from tests.ledger.story import new_ledger
from tests.service.conftest import Client, make_key, open_client
from tests.service.quarter import BEFORE, LAST, OVER

QUARTER = "/v1/forecasts/2012Q1"


@pytest.fixture
def own(tmp_path: Path) -> tuple[Ledger, Client]:
    """A ledger that the test fills, and a client of it."""
    ledger = new_ledger(tmp_path)
    return ledger, open_client(tmp_path, make_key(tmp_path, ledger))


def test_bookings_speak_first_and_the_others_are_named(client: Client) -> None:
    answer = client.json(QUARTER)
    assert answer["definition"] == "bookings"
    assert "deals won" in answer["covers"]
    assert [one["definition"] for one in answer["others"]] == ["orders"]


def test_a_definition_is_answered_by_its_own_forecast(client: Client) -> None:
    answer = client.json(f"{QUARTER}?definition=orders")
    assert (answer["definition"], answer["model_version"]) == ("orders", "orders-1")
    assert answer["total"]["p50_minor"] == 9_500.0


def test_of_what_was_never_forecast_it_says_what_was(client: Client) -> None:
    answer = client.get(f"{QUARTER}?definition=renewals")
    assert answer.status_code == 404
    assert "expected one of bookings, orders" in answer.json()["detail"]


def test_revenue_speaks_where_there_are_no_bookings(own: tuple[Ledger, Client]) -> None:
    publish_books(own[0], [book(target="orders"), book(target="revenue")])
    assert own[1].json(QUARTER)["definition"] == "revenue"


def test_parts_add_up_to_the_mean(client: Client) -> None:
    total = client.json(QUARTER)["total"]
    assert total["parts"].keys() == {"closed", "open"}
    assert sum(total["parts"].values()) == pytest.approx(total["mean_minor"])


def test_means_of_nodes_add_up_to_the_total(client: Client) -> None:
    answer = client.json(QUARTER)
    assert (answer["by"], answer["dimensions"]) == ("segment", ["segment", "owner"])
    means = [node["mean_minor"] for node in answer["nodes"]]
    assert sum(means) == pytest.approx(answer["total"]["mean_minor"])
    assert [node["name"] for node in answer["nodes"]] == ["mid", "smb"]


def test_nodes_come_by_the_dimension_asked_for(client: Client) -> None:
    assert [one["node"] for one in client.json(f"{QUARTER}?by=owner")["nodes"]] == ["owner=W1"]


def test_a_dimension_that_nothing_is_known_of_is_a_problem(client: Client) -> None:
    answer = client.get(f"{QUARTER}?by=product")
    assert answer.status_code == 404
    assert "expected one of segment, owner" in answer.json()["detail"]


def test_intervals_come_from_the_quantiles(client: Client) -> None:
    found = client.json(QUARTER)["total"]["intervals"]
    spans = {one["level"]: (one["low_minor"], one["high_minor"]) for one in found}
    assert spans == {0.5: (9_990, 10_010), 0.8: (9_984, 10_016), 0.95: (9_980, 10_020)}


def test_only_the_served_leg_is_shown_unless_all_are_asked_for(client: Client) -> None:
    assert [leg["leg"] for leg in client.json(QUARTER)["total"]["legs"]] == ["combined"]
    every = client.json(f"{QUARTER}?legs=true")
    assert [leg["leg"] for leg in every["total"]["legs"]] == ["combined", "conversion"]
    assert [leg["leg"] for leg in every["nodes"][0]["legs"]] == ["combined"]


def test_chances_weights_verdict_and_notes_stand_beside_the_numbers(client: Client) -> None:
    answer = client.json(QUARTER)
    assert answer["total"]["chances"] == [
        {"target_id": "plan", "target_minor": 11_000.0, "p_hit": 0.3}
    ]
    assert answer["weights"] == {"simulation": 0.7, "conversion": 0.3}
    assert (answer["verdict"][:18], answer["judged_quarters"]) == ("combined is served", 6)
    assert answer["notes"] == {"largest_deal_share": 0.2}


def test_a_simple_rule_that_is_served_says_so(own: tuple[Ledger, Client]) -> None:
    rows = [said("last_quarter", 90.0, served=True), said("combined", 100.0)]
    verdict = "use the simple one: last_quarter is served; combined did not beat last_quarter"
    publish_books(own[0], [book(rows, served_leg="last_quarter", verdict=verdict)])
    answer = own[1].json(QUARTER)
    assert (answer["total"]["leg"], answer["total"]["p50_minor"]) == ("last_quarter", 90.0)
    assert answer["verdict"].startswith("use the simple one")
    assert answer["track_record"]["leg"] == "last_quarter"


def test_an_earlier_day_is_answered_by_what_was_said_then(client: Client) -> None:
    answer = client.json(f"{QUARTER}?as_of=2011-12-09")
    assert (answer["origin"], answer["total"]["p50_minor"]) == (str(BEFORE), 9_000.0)
    assert answer["as_of"] == str(BEFORE)


def test_a_day_before_the_first_forecast_names_it(client: Client) -> None:
    answer = client.get(f"{QUARTER}?as_of=2011-12-01")
    assert answer.status_code == 404
    assert str(BEFORE) in answer.json()["detail"]


@pytest.mark.parametrize("day", ["1323475200", "2011-13-01", "10.12.2011", "2011-12-10T00:00:00"])
def test_a_day_is_written_as_one(client: Client, day: str) -> None:
    assert client.get(f"{QUARTER}?as_of={day}").status_code == 422


def test_a_quarter_that_is_over_shows_its_last_forecast_and_the_actual(client: Client) -> None:
    answer = client.json(f"/v1/forecasts/{OVER}")
    assert (answer["status"], answer["actual_minor"]) == ("over", 100.0)
    assert (answer["origin"], answer["total"]["p50_minor"]) == ("2011-11-26", 500.0)


def test_seen_from_its_own_days_a_quarter_has_no_actual(client: Client) -> None:
    answer = client.json(f"/v1/forecasts/{OVER}?as_of=2011-11-30")
    assert (answer["status"], answer["actual_minor"]) == ("running", None)


def test_a_quarter_never_served_is_answered_by_its_backtest(client: Client) -> None:
    answer = client.json("/v1/forecasts/2010Q3")
    assert (answer["source"], answer["status"], answer["actual_minor"]) == ("backtest", "over", 100)
    assert (answer["week"], answer["total"]["p50_minor"]) == (1, 105.0)
    assert answer["track_record"]["issued"] == []


def test_a_quarter_ahead_says_so(own: tuple[Ledger, Client]) -> None:
    publish_books(own[0], [book(period="2012Q2", week=-12)])
    answer = own[1].json("/v1/forecasts/2012Q2")
    assert (answer["status"], answer["week"]) == ("ahead", -12)
    assert answer["track_record"]["at_this_week"] is None


@pytest.mark.parametrize("period", ["2019Q3", "2999Q4"])
def test_a_period_never_forecast_names_those_that_were(client: Client, period: str) -> None:
    answer = client.get(f"/v1/forecasts/{period}")
    assert answer.status_code == 404
    assert "2012Q1, 2011Q4" in answer.json()["detail"]


def test_the_record_of_the_same_week_stands_beside_its_rivals(client: Client) -> None:
    record = client.json(QUARTER)["track_record"]
    here = record["at_this_week"]
    assert (here["leg"], here["week"], here["n"], here["periods_count"]) == ("combined", 1, 8, 8)
    assert here["wape"] == pytest.approx(0.05)
    rivals = {one["leg"]: one["wape"] for one in record["rivals_at_this_week"]}
    assert rivals == pytest.approx({"last_quarter": 0.2, "conversion": 0.1})
    assert {one["n"] for one in record["all_weeks"]} == {16}


def test_what_was_served_before_is_listed(client: Client) -> None:
    issued = client.json(QUARTER)["track_record"]["issued"]
    assert [(one["origin"], one["p50_minor"]) for one in issued] == [(str(BEFORE), 9_000.0)]
    assert client.json(f"{QUARTER}?as_of={BEFORE}")["track_record"]["issued"] == []


def test_a_backtest_of_the_same_quarter_is_shown(client: Client) -> None:
    vintages = client.json(f"/v1/forecasts/{OVER}")["track_record"]["vintages"]
    assert [(one["week"], one["p50_minor"], one["actual_minor"]) for one in vintages] == [
        (0, 105.0, 100.0),
        (1, 105.0, 100.0),
    ]


def test_a_past_day_is_told_no_outcome_of_its_own_quarter(client: Client) -> None:
    then = client.json(f"/v1/forecasts/{OVER}?as_of={LAST}")["track_record"]["vintages"]
    assert [one["week"] for one in then] == [0, 1]
    assert {one["actual_minor"] for one in then} == {None}


def test_a_quarter_counts_in_the_record_only_once_it_has_ended(client: Client) -> None:
    then = client.json(f"/v1/forecasts/{OVER}")["track_record"]
    assert {one["n"] for one in then["all_weeks"]} == {14}
