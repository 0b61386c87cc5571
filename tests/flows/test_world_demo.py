"""A synthetic company by one command, then asked over HTTP: both routes in one list, told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from ledger.engine import open_ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from lifecycle.settings import load_settings
from models import accuracy
from models.base import FloatArray
from models.clv.contract.value import ContractValue
from service.app import create_app
from service.deps import Options
from service.permissions import load_permissions
from tests.flows.worlds import HORIZON, World, open_world
from training.specs import find_spec

pytestmark = pytest.mark.timeout(900)
SPEC = find_spec("churn", route="contractual")
CURVE = ("30", "60", "90", "180", "365")
FIVE_YEARS_DAYS = 1825
VALUE_BIAS = 0.30  # of 292 accounts a few large ones are most of the book


@pytest.fixture(scope="module")
def client(world_dir: Path) -> TestClient:
    """An authorised client of the service over the demo's data, by its own settings."""
    settings = load_settings(world_dir)
    ledger = open_ledger(settings.ledger_address)
    wanted = KeyRequest(
        role="reader", scopes=load_permissions().roles["reader"].scopes, label="test"
    )
    key, _ = create_key(ledger, load_pepper(world_dir), wanted)
    options = Options(world_dir, settings.stale_after_days, settings.calendar, settings.synthetic)
    app = create_app(settings.ledger_address, options)
    return TestClient(app, headers={"Authorization": f"Bearer {key}"})


def ask(client: TestClient, path: str) -> Any:
    answer = client.get(f"/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def listed(client: TestClient) -> Any:
    return ask(client, "at-risk?limit=200")


@pytest.fixture(scope="module")
def account(client: TestClient) -> Any:
    """The contractual account with the most to lose."""
    first = ask(client, "at-risk?route=contractual&limit=1")["accounts"][0]["account_id"]
    return ask(client, f"accounts/{first}")


def test_both_routes_stand_in_one_list_by_expected_loss(listed: Any) -> None:
    routes = {row["route"] for row in listed["accounts"]}
    losses = [row["expected_loss_minor"] for row in listed["accounts"]]
    assert routes == {"contractual", "non_contractual"}
    assert losses == sorted(losses, reverse=True)


EVERYWHERE = ("at-risk?limit=1", "churn/track-record", "accuracy", "deals?limit=1", "owners/bias")


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_says_that_it_is_made_up(client: TestClient, path: str) -> None:
    answer = ask(client, path)
    assert answer["synthetic"] is True
    assert answer["stale"] is False


def test_open_deals_are_scored_beside_accounts(client: TestClient) -> None:
    deals = ask(client, "deals?sort=win&limit=50")["deals"]
    first = ask(client, f"deals/{deals[0]['opportunity_id']}")
    chances = [row["p_win_quarter"] for row in deals]
    assert len(deals) > 20
    assert all(0.0 < one < 1.0 for one in chances)
    assert first["synthetic"] is True


def test_a_contract_tells_when_it_may_leave_and_why(account: Any) -> None:
    row = account["at_risk"]
    rising = [row["curve"][day] for day in ("30", "60", "90", "180", "365")]
    assert rising == sorted(rising)
    assert sum(row["causes"].values()) == pytest.approx(1)
    assert row["risk_low"] <= row["risk"] <= row["risk_high"]
    assert row["arr_at_risk_minor"] == pytest.approx(row["risk"] * 12 * row["mrr_minor"], abs=1)


def test_a_contract_tells_its_reasons_beside_its_peers(account: Any) -> None:
    reasons = account["at_risk"]["reasons"]
    assert reasons
    for one in reasons:
        assert {"group", "label", "value", "peer_median", "contribution"} <= set(one)
        assert one["actionable"] in {True, False}


def test_a_contract_has_a_risk_and_a_value_over_five_years(account: Any) -> None:
    scores = {(one["model"], one["horizon_days"]): one for one in account["scores"]}
    assert set(scores) == {("churn", 90), ("clv", 1825)}
    assert scores["churn", 90]["value"] == account["at_risk"]["risk"]
    detail = scores["clv", 1825]["detail"]
    assert detail["p10_minor"] <= detail["p50_minor"] <= detail["p90_minor"]


def test_who_gave_notice_stands_apart(client: TestClient) -> None:
    rows = ask(client, "at-risk?status=notice_given")["accounts"]
    assert rows
    assert {(row["status"], row["risk"], row["expected_loss_minor"]) for row in rows} == {
        ("notice_given", 1.0, 0.0)
    }


def test_on_its_first_day_the_record_waits_for_the_scores_to_mature(client: TestClient) -> None:
    answer = ask(client, "churn/track-record")
    assert answer["records"] == []
    assert answer["rescue"]["drawn_count"] > 0
    assert "nothing can be said" in answer["rescue"]["verdict"]


def test_past_forecasts_said_chances_to_reach_targets_and_are_scored(client: TestClient) -> None:
    hits = ask(client, "accuracy?definition=bookings")["targets"]
    assert hits["n"] >= 13
    assert 0 <= hits["brier"] <= 1


@pytest.fixture(scope="module")
def world(world_dir: Path) -> World:
    return open_world(world_dir)


@pytest.fixture(scope="module")
def today(world: World) -> list[str]:
    """The accounts that can still be kept on the last day."""
    known: list[str] = world.store(SPEC).frame(world.end).column("account_id").to_pylist()
    return known


@pytest.fixture(scope="module")
def issued(world: World, today: list[str]) -> list[tuple[float, Any]]:
    """Every risk that the demo wrote down, with its detail."""
    return [(one.value, detail) for one, detail in world.scores("churn", today)]


def test_every_account_that_can_be_kept_has_one_risk(today: list[str], issued: list[Any]) -> None:
    assert len(issued) == len(today) > 250


def test_reasons_add_up_to_the_risk_that_was_issued(issued: list[tuple[float, Any]]) -> None:
    sums = [one["base"] + sum(one["groups"].values()) + one["calibration"] for _, one in issued]
    risk = np.array([value for value, _ in issued])
    assert np.abs(sums - np.log(risk / (1 - risk))).max() < 1e-6


def test_the_curve_goes_through_the_risk_and_never_falls(issued: list[tuple[float, Any]]) -> None:
    curves = np.array([[one["curve"][day] for day in CURVE] for _, one in issued])
    risk = np.array([value for value, _ in issued])
    assert np.abs(curves[:, CURVE.index(str(HORIZON))] - risk).max() < 1e-6
    assert (np.diff(curves, axis=1) >= 0).all()


def test_causes_share_out_the_whole_of_leaving(issued: list[tuple[float, Any]]) -> None:
    shares = np.array([list(one["causes"].values()) for _, one in issued])
    assert (shares >= 0).all()
    assert np.abs(shares.sum(axis=1) - 1).max() < 1e-6


def test_the_risk_lies_in_its_band(issued: list[tuple[float, Any]]) -> None:
    assert all(one["low"] - 1e-9 <= value <= one["high"] + 1e-9 for value, one in issued)


@pytest.fixture(scope="module")
def worth(world: World, today: list[str]) -> list[Any]:
    """Every five-year value that the demo wrote down."""
    return [{"value": one.value, **detail} for one, detail in world.scores("clv", today)]


def _column(rows: list[Any], name: str) -> FloatArray:
    return np.array([row[name] for row in rows], dtype=np.float64)


def test_a_value_is_finite_and_so_are_its_parts(today: list[str], worth: list[Any]) -> None:
    assert len(worth) == len(today)
    parts = ("value", "historic_minor", "residual_minor", "total_minor", "p10_minor", "p90_minor")
    assert all(np.isfinite(_column(worth, name)).all() for name in parts)
    assert {row["months"] for row in worth} == {60}


def test_a_values_points_are_in_order(worth: list[Any]) -> None:
    low, middle, high = (_column(worth, name) for name in ("p10_minor", "p50_minor", "p90_minor"))
    assert ((low <= middle) & (middle <= high)).all()


def test_past_and_future_value_add_up_to_the_total(worth: list[Any]) -> None:
    residual = _column(worth, "residual_minor")
    total = _column(worth, "historic_minor") + residual
    assert np.abs(total - _column(worth, "total_minor")).max() < 0.01
    assert np.abs(residual - _column(worth, "value")).max() <= 0.5 + 1e-6


def test_the_book_is_worth_about_what_it_truly_is(world: World, worth: list[Any]) -> None:
    frame = world.store(SPEC).frame(world.end)
    true, told = world.oracle_value(world.end, frame), _column(worth, "value")
    assert abs(told.sum() / true.sum() - 1) <= VALUE_BIAS
    share = accuracy.gini_normalised(true, told)
    assert share >= 0.9


def test_implied_retention_is_a_share_near_the_trailing_one(world: World) -> None:
    model = world.release("clv", FIVE_YEARS_DAYS)[1]
    assert isinstance(model, ContractValue)
    found = model.retention(world.store(SPEC).frame(world.end))
    assert all(0.5 < one.implied < 1.5 for one in found)
    assert abs(found[0].implied - (found[0].trailing or 0)) <= 0.10
