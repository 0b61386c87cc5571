"""What is no id takes no other row away, and no answer apart."""

from __future__ import annotations

from typing import Any

import pytest

from service.scoring.shapes import AskedAnswer
from tests.service.conftest import Client
from tests.service.scoring.conftest import ask, post
from tests.service.scoring.test_ask import features, names

FORMS: dict[str, dict[str, Any]] = {
    "ids": {"ids": ["a/b", "C001"]},
    "what-if": {"ids": ["a/b", "C001"], "overrides": {}},
    "rows": {"rows": [{"id": "a/b", "overrides": {}}, {"id": "C001"}]},
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_id_is_a_problem_of_its_row(client: Client, form: str) -> None:
    bad, good = ask(client, FORMS[form])
    assert bad["id"] == "a/b"
    assert [(one["where"], one["rule"]) for one in bad["problems"]] == [("id", "form")]
    assert "a/b" not in bad["problems"][0]["expected"]
    assert good["value"] == ask(client, {"ids": ["C001"]})[0]["value"]


@pytest.mark.parametrize("given", ["overrides", "features"])
def test_what_is_no_id_is_a_problem_of_its_columnar_row(client: Client, given: str) -> None:
    one = features(2) if given == "features" else {"recency_days": 3}
    body = {"columns": ["id", *one], "given": given, "route": "non_contractual"}
    rows = [["a\u202e", *one.values()], [names()[2], *one.values()]]
    answer = post(client, "/v1/scores/churn", {**body, "rows": rows})
    AskedAnswer.model_validate_json(answer.text)
    bad, good = answer.json()["rows"]
    assert (bad[0], bad[1], bad[6][0]["rule"]) == ("a\u202e", None, "form")
    assert good[1] is not None


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "x" * 65, "é" * 4_000, '"}],"model":"', "\\", "\r\n", "<b>", "C001\n"]
)
def test_an_answer_is_whole_whatever_stands_for_an_id(client: Client, name: str) -> None:
    for body in ({"ids": [name]}, {"rows": [{"id": name, "features": {}}, {"id": name}]}):
        answer = post(client, "/v1/scores/churn", body)
        AskedAnswer.model_validate_json(answer.text)
        assert {one["id"] for one in answer.json()["scores"]} == {name[:64]}
        assert len(answer.text) < 3_000


def test_a_body_is_refused_for_its_form_and_not_for_its_ids(client: Client) -> None:
    rows = [{"id": "a/b", "overrides": {}, "features": {}}, *[{"id": "a/b"}] * 20]
    answer = post(client, "/v1/scores/churn", {"rows": rows})
    assert answer.status_code == 422
    assert "not both" in answer.text
    assert "pattern" not in answer.text
    for body in ({"rows": [{"id": 7}]}, {"columns": ["id"], "rows": [[7]]}, {"rows": "C001"}):
        assert post(client, "/v1/scores/churn", body).status_code == 422
