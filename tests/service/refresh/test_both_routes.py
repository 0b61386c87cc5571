"""One refresh over accounts with and without contract: who is listed, drawn, judged, and how."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.holdouts import read_holdouts
from ledger.outcomes import read_outcomes
from ledger.scores import read_account
from ledger.track_record import read_track_record
from ledger.views import AtRiskFilters, AtRiskRow, read_at_risk
from lifecycle.errors import RefusedError
from service.flat import flatten_scores
from service.refresh.forecasts import refresh_forecasts_if_any
from service.refresh.place import Place
from service.refresh.releases import choose_releases, speaks_of_lines
from service.refresh.routes import build_open_lines, build_route
from service.refresh.scores import refresh_scores
from service.refresh.scoring import score_release
from tests.service.refresh.company import (
    FIRST,
    LATER,
    MRR,
    NOTICED_BEFORE,
    build_company,
    place_of,
    release_contracts,
    release_lines,
    release_orders,
    stand_on,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return build_company(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def refreshed(place: Place) -> tuple[Ledger, dict, dict]:
    """The ledger after a first refresh and another one 126 days later."""
    ledger = place.open_ledger()
    release_orders(ledger, place)
    release_contracts(ledger, place)
    first = refresh_scores(stand_on(place, FIRST), ledger, place=place)
    rows = listed(ledger)
    later = refresh_scores(stand_on(place, LATER), ledger, place=place)
    return ledger, {**first, "rows": rows}, later


def listed(ledger: Ledger) -> dict[str, AtRiskRow]:
    page = read_at_risk(ledger, AtRiskFilters(), limit=200)
    assert page is not None
    assert page.following is None
    return {row.account_id: row for row in page.rows}


def test_both_routes_stand_in_one_list(refreshed) -> None:
    rows = refreshed[1]["rows"]
    routes = [row.route for row in rows.values()]
    assert (routes.count("contractual"), routes.count("non_contractual")) == (40, 10)
    assert rows["C05"].route == "contractual"


def test_ranks_go_over_both_routes(refreshed) -> None:
    rows = [row for row in refreshed[1]["rows"].values() if row.status == "at_risk"]
    losses = [row.expected_loss_minor for row in sorted(rows, key=lambda row: row.rank)]
    assert [row.rank for row in sorted(rows, key=lambda row: row.rank)] == list(
        range(1, len(rows) + 1)
    )
    assert losses == sorted(losses, reverse=True)


def test_who_gave_notice_is_listed_apart_with_the_day_it_leaves(refreshed) -> None:
    ledger, first, _ = refreshed
    apart = {name: row for name, row in first["rows"].items() if row.status == "notice_given"}
    assert set(apart) == {f"C{i:02d}" for i in NOTICED_BEFORE}
    assert apart["C01"].leaving_on == date(2021, 7, 6)
    assert (apart["C01"].expected_loss_minor, apart["C01"].arr_at_risk_minor) == (0, 0)
    assert apart["C01"].value_if_kept_minor == 12 * MRR
    assert read_account(ledger, "C01") == []


def test_a_contract_carries_its_curve_money_and_time_left(refreshed) -> None:
    row = refreshed[1]["rows"]["C10"]
    assert row.curve is not None
    assert list(row.curve) == ["30", "60", "90", "180", "365", "renewal"]
    assert row.curve["90"] == pytest.approx(row.risk, abs=1e-4)
    assert (row.mrr_minor, row.value_if_kept_minor) == (MRR, 12 * MRR)
    assert row.expected_loss_minor == pytest.approx(row.risk * 12 * MRR, abs=1)
    assert row.renewal_on == date(2021, 8, 20)
    assert row.days_to_act == (row.notice_by_on - FIRST).days == 50  # type: ignore[operator]


def test_the_value_of_an_orderer_is_of_a_year_as_that_of_a_contract(refreshed, place) -> None:
    row = refreshed[1]["rows"]["A05"]
    frame = build_route(stand_on(place, FIRST), row.route, frames_dir=place.frames_dir).frame
    facts = next(one for one in frame.to_pylist() if one["account_id"] == "A05")
    # the release is of 90 days at the rate of the last 365: scaled up, that is last year's spend
    yearly = facts["spend_365d_minor"] / (1 - row.risk)
    assert row.value_if_kept_minor == pytest.approx(yearly, abs=3)
    assert row.expected_loss_minor == pytest.approx(row.risk * row.value_if_kept_minor, abs=1)


def test_a_deadline_that_has_passed_leaves_no_time_to_act(refreshed) -> None:
    row = refreshed[1]["rows"]["C02"]
    assert row.notice_by_on == date(2021, 6, 11)
    assert row.days_to_act == 10
    assert refreshed[1]["rows"]["A00"].days_to_act is None


def test_each_account_in_question_is_drawn_once_and_keeps_its_arm(refreshed, place) -> None:
    ledger, first, _ = refreshed
    drawn = read_holdouts(ledger, place.campaign)
    assert {row.assigned_on for row in drawn.values()} <= {FIRST, LATER}
    contracts = [row for row in first["rows"].values() if row.curve is not None]
    in_question = {row.account_id for row in contracts if row.band != "low"}
    assert in_question
    assert {n for n, row in drawn.items() if row.assigned_on == FIRST} == in_question
    shown = {n for n, row in first["rows"].items() if row.treatment == "held_out"}
    assert shown == {n for n, row in drawn.items() if row.arm == "held_out"} & in_question


def test_matured_scores_are_judged_by_what_happened(refreshed) -> None:
    ledger, first, later = refreshed
    assert (first["judged"], later["judged"]) == (0, 38 + 10)
    fate = {n: read_outcomes(ledger, "churn", account_id=n)[0] for n in ("C02", "C30", "C10")}
    assert (fate["C02"].happened, fate["C02"].happened_on) == (True, date(2021, 6, 10))
    assert fate["C02"].cause == "nonrenewal"
    assert not fate["C30"].happened  # its notice came 101 days after the score
    assert not fate["C10"].happened


def test_shoppers_are_judged_by_their_purchases(refreshed) -> None:
    ledger = refreshed[0]
    left = {n for n in (f"A{i:02d}" for i in range(10))
            if read_outcomes(ledger, "churn", account_id=n)[0].happened}  # fmt: skip
    assert left == {"A08", "A09"}


def test_the_track_record_has_both_routes(refreshed) -> None:
    found = {(one.route, one.group): one for one in read_track_record(refreshed[0], "churn")}
    assert found["contractual", "all"].events_count == 2
    assert found["non_contractual", "all"].events_count == 2
    assert found["contractual", "all"].lost_minor == 2 * 12 * MRR


def test_a_second_refresh_of_a_day_judges_nothing_again(refreshed, place) -> None:
    again = refresh_scores(stand_on(place, LATER), refreshed[0], place=place)
    assert again["judged"] == 0


def test_a_route_without_a_release_is_named_not_hidden(place, tmp_path: Path) -> None:
    elsewhere = place_of(tmp_path)
    mixed = Place(**{**vars(place), "ledger_address": elsewhere.ledger_address})
    ledger = mixed.open_ledger()
    release_orders(ledger, mixed)
    done = refresh_scores(stand_on(place, FIRST), ledger, place=mixed)
    assert done["unscored"] == {"contractual": 38}
    assert (done["accounts"], done["notice_given"]) == (10, 2)


def test_before_the_first_fact_there_is_nothing_to_score(tmp_path: Path, place) -> None:
    mixed = Place(**{**vars(place), "ledger_address": place_of(tmp_path).ledger_address})
    ledger = mixed.open_ledger()
    release_orders(ledger, mixed)
    with pytest.raises(RefusedError, match="know the future"):
        refresh_scores(stand_on(place, date(2020, 6, 1)), ledger, place=mixed)


def test_a_release_of_lines_scores_files_of_lines_and_no_list(place, tmp_path: Path) -> None:
    mixed = Place(**{**vars(place), "ledger_address": place_of(tmp_path).ledger_address})
    ledger = mixed.open_ledger()
    release_contracts(ledger, mixed)
    release_lines(ledger, mixed)
    done = refresh_scores(stand_on(place, FIRST), ledger, place=mixed)
    assert done["models"] == ["churn 90 d contractual"]
    found = [one for one in choose_releases(ledger, FIRST) if speaks_of_lines(one)]
    frame = build_open_lines(stand_on(place, FIRST), frames_dir=mixed.frames_dir)
    scored = score_release(found[0], frame, bundles_dir=mixed.bundles_dir)
    rows = list(flatten_scores(scored, frame, stand_on(place, FIRST), place=mixed))
    assert {row["subscription_id"] for row in rows} == {f"s{i:02d}" for i in range(2, 40)}


def test_contracts_alone_are_forecast_without_orders(tmp_path: Path) -> None:
    alone = build_company(tmp_path, shoppers=False)
    day, ledger = stand_on(alone, FIRST), alone.open_ledger()
    told = refresh_forecasts_if_any(day, ledger, place=alone, needed=True)
    assert {one["target"] for one in told["forecasts"]} == {"revenue", "ending_arr", "renewals"}
