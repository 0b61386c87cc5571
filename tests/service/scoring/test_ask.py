"""What is answered to each form of question, row by row."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.columns import read_texts
from models.scoring import score
from service.scoring.shapes import AskedAnswer
from tests.service.conftest import Client
from tests.service.scoring.company import ROWS, contracts, orders
from tests.service.scoring.conftest import ask, post


def names() -> list[str]:
    return [str(one) for one in read_texts(orders()[3], "account_id")]


def features(at: int = 0) -> dict[str, object]:
    """A whole feature row, as a caller would send it."""
    row = orders()[3].drop_columns(["account_id", "as_of"]).slice(at, 1).to_pylist()[0]
    return {
        name: None if isinstance(one, float) and np.isnan(one) else one for name, one in row.items()
    }


def test_ids_get_their_stored_scores_in_the_order_asked(client: Client) -> None:
    wanted = [names()[3], "C002", names()[0]]
    found = ask(client, {"ids": wanted})
    assert [one["id"] for one in found] == wanted
    issued = score(orders()[0], orders()[3], horizon_days=90).to_pylist()
    assert found[0]["value"] == issued[3]["value"]
    assert (found[0]["rank"], found[0]["band"]) == (issued[3]["rank"], issued[3]["band"])
    assert found[0]["issued"] is True
    assert "reasons" not in found[0]
    assert (found[1]["route"], found[1]["model_version"]) == ("contractual", "c1")


def test_reasons_come_when_they_are_asked_for(client: Client) -> None:
    stored = {"ids": names()}
    for body in (stored, {**stored, "overrides": {"recency_days": 300}}):
        found = ask(client, {**body, "reasons": True})
        assert any(one["reasons"] for one in found)


def test_a_what_if_that_changes_nothing_gives_the_stored_score(client: Client) -> None:
    stored = ask(client, {"ids": [names()[5], "C001"]})
    again = ask(client, {"ids": [names()[5], "C001"], "overrides": {"segment": None}})
    same = ask(client, {"rows": [{"id": one["id"], "overrides": {}} for one in stored]})
    assert [one["value"] for one in same] == pytest.approx([one["value"] for one in stored], 1e-12)
    assert [one["input_digest"] for one in same] == [one["input_digest"] for one in stored]
    assert again[0]["input_digest"] != same[0]["input_digest"]
    assert {one["issued"] for one in same} == {False}
    assert {one["rank"] for one in same} == {None}


def test_a_what_if_is_what_the_model_says_of_the_changed_row(client: Client) -> None:
    trees, frame = orders()[0], orders()[3]
    place = frame.column_names.index("recency_days")
    changed = frame.set_column(place, "recency_days", [[300.0] * ROWS])
    asked = {"ids": names()[:7], "overrides": {"recency_days": 300}}
    found = [one["value"] for one in ask(client, asked)]
    assert found == pytest.approx(trees.predict(changed)[:7].tolist(), rel=1e-12)


@pytest.mark.parametrize("at", [0, 9])
def test_a_whole_row_gets_the_score_of_the_account_it_is_of(client: Client, at: int) -> None:
    row = {"id": "new", "features": features(at)}
    found = ask(client, {"rows": [row], "route": "non_contractual"})[0]
    stored = ask(client, {"ids": [names()[at]]})[0]
    assert found["value"] == pytest.approx(stored["value"], rel=1e-12)
    assert found["input_digest"] == stored["input_digest"]
    assert (found["as_of"], found["data_as_of"], found["issued"]) == (None, None, False)


def test_columns_are_answered_in_columns(client: Client) -> None:
    one = features(2)
    rows = [["new1", *one.values()], ["new2", *one.values()]]
    body = {"columns": ["id", *one], "rows": rows, "route": "non_contractual"}
    answer = post(client, "/v1/scores/churn", body).json()
    cells = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    assert [cell["id"] for cell in cells] == ["new1", "new2"]
    assert answer["about"][cells[0]["about"]]["model_version"] == "t1"
    stored = ask(client, {"ids": [names()[2]]})[0]["value"]
    assert [cell["value"] for cell in cells] == pytest.approx([stored] * 2, rel=1e-12)


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        ({"no_such_feature": 1}, "unknown-feature"),
        ({"recency_days": "31"}, "type"),
        ({"recency_days": True}, "type"),
        ({"recency_days": [1]}, "type"),
        ({"segment": 7}, "type"),
        ({"segment": "Atlantis"}, "vocabulary"),
    ],
)
def test_a_row_at_fault_is_told_and_the_others_are_scored(
    client: Client, overrides: dict[str, object], rule: str
) -> None:
    rows = [{"id": names()[0], "overrides": overrides}, {"id": names()[1], "overrides": {}}]
    bad, good = ask(client, {"rows": rows})
    assert [one["rule"] for one in bad["problems"]] == [rule]
    assert "value" not in bad
    assert good["value"] is not None
    assert "Atlantis" not in json.dumps(bad)


def test_a_whole_row_that_lacks_features_is_told_which(client: Client) -> None:
    given = {name: one for name, one in features().items() if name != "recency_days"}
    row = {"id": "new", "features": given}
    found = ask(client, {"rows": [row], "route": "non_contractual"})[0]
    assert found["problems"] == [
        {
            "where": "recency_days",
            "rule": "missing",
            "expected": "every feature named, null if unknown",
        }
    ]


def test_an_id_that_was_never_scored_is_a_problem_of_its_row(client: Client) -> None:
    for body in ({"ids": ["nobody", "C001"]}, {"ids": ["nobody", "C001"], "overrides": {}}):
        found = ask(client, body)
        assert [one["rule"] for one in found[0]["problems"]] == ["not-scored"]
        assert found[1]["value"] is not None


@pytest.mark.parametrize("count", [999, 1_000])
def test_a_thousand_rows_fit_one_call(client: Client, count: int) -> None:
    assert len(ask(client, {"ids": [names()[i % ROWS] for i in range(count)]})) == count


@pytest.mark.parametrize("form", ["ids", "rows", "columns"])
def test_a_thousand_and_one_rows_are_too_many(client: Client, form: str) -> None:
    bodies = {
        "ids": {"ids": ["C001"] * 1_001},
        "rows": {"rows": [{"id": "C001"}] * 1_001},
        "columns": {"columns": ["id", "recency_days"], "rows": [["a", 1]] * 1_001},
    }
    answer = post(client, "/v1/scores/churn", bodies[form])
    assert answer.status_code == 413
    assert "/v1/scores/{model}/jobs" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"ids": []},
        {"ids": [7]},
        {"ids": "C001"},
        {"ids": ["C001"], "more": 1},
        {"ids": ["C001"], "horizon_days": True},
        {"rows": [{"id": "C001", "overrides": {}, "features": {}}]},
        {"columns": ["recency_days"], "rows": [[1]]},
        {"columns": ["id", "x", "x"], "rows": [["a", 1, 1]]},
        {"columns": ["id", "x"], "rows": [["a"]]},
        {"rows": [{"id": "a", "features": {"recency_days": 1}}]},
    ],
)
def test_a_body_of_no_known_form_is_refused(client: Client, body: object) -> None:
    assert post(client, "/v1/scores/churn", body).status_code == 422


def test_models_and_horizons_that_are_not_there_are_404(client: Client) -> None:
    assert post(client, "/v1/scores/nothing", {"ids": ["C001"]}).status_code == 404
    body = {"ids": ["C001"], "overrides": {}, "horizon_days": 30}
    assert post(client, "/v1/scores/churn", body).status_code == 404


def test_money_is_whole_and_banded_like_the_last_run(client: Client) -> None:
    ids = names()[:20]
    stored, same = (ask(client, {"ids": ids, **more}, "clv") for more in ({}, {"overrides": {}}))
    assert [one["value"] for one in same] == [one["value"] for one in stored]
    assert [one["band"] for one in same] == [one["band"] for one in stored]
    assert {one["currency"] for one in same} == {"GBP"}


def test_the_answers_are_those_of_the_published_schema(client: Client) -> None:
    for body in (
        {"ids": ["C001", "nobody"], "reasons": True},
        {"ids": [names()[0]], "overrides": {}},
        {"columns": ["id"], "given": "overrides", "rows": [["C001"], ["nobody"]]},
    ):
        answer = post(client, "/v1/scores/churn", body)
        AskedAnswer.model_validate_json(answer.text)


def test_contract_rows_are_served_by_their_own_champion(client: Client) -> None:
    risk, lines = contracts()
    found = [one["value"] for one in ask(client, {"ids": ["C000", "C001"], "overrides": {}})]
    assert found == pytest.approx(risk.predict(lines)[:2].tolist(), rel=1e-12)
