from __future__ import annotations

from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.runs import publish_run
from ledger.scores import write_scores
from service.scores import ScoresAnswer
from tests.ledger.story import (
    KNOWN,
    new_ledger,
    new_run,
    publish_scores,
    release,
    score,
)
from tests.service.conftest import Client, make_key, open_client

FRESH = {"as_of", "data_as_of", "scored_at", "model_version", "stale", "synthetic"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/at-risk",
        "/v1/accounts/A01",
        "/v1/scores/churn?id=A01",
        "/v1/scores/churn?id=nobody",
        "/v1/forecasts/2012Q1",
        "/v1/forecasts/2012Q1/changes?since=2011-12-03",
        "/v1/forecasts/2012Q1/gap",
        "/v1/accuracy",
        "/v1/churn/track-record",
        "/v1/deal_win/track-record",
    ],
)
def test_every_answer_says_how_old_it_is(client: Client, path: str) -> None:
    answer = client.json(path)
    assert answer.keys() >= FRESH
    assert (answer["as_of"], answer["stale"]) == ("2011-12-10", True)
    assert answer["data_as_of"] == KNOWN.isoformat().replace("+00:00", "Z")


def test_the_list_is_ordered_by_expected_loss(client: Client) -> None:
    losses = [row["expected_loss_minor"] for row in client.json("/v1/at-risk")["accounts"]]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == 12


def test_pages_give_each_account_once_while_refreshes_go_on(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    release_id, names = release(ledger), [f"A{i:02d}" for i in range(25)]
    publish_scores(ledger, release_id, names)
    client = open_client(tmp_path, make_key(tmp_path, ledger))
    seen: list[str] = []
    query = ""
    while True:
        page = client.json(f"/v1/at-risk?limit=4{query}")
        seen += [row["account_id"] for row in page["accounts"]]
        if page["next_cursor"] is None:
            break
        query = f"&cursor={page['next_cursor']}"
        publish_scores(ledger, release_id, [f"N{len(seen)}", *names[::-1]])
    assert sorted(seen) == names


def test_a_changed_cursor_is_refused(client: Client) -> None:
    cursor = client.json("/v1/at-risk?limit=2")["next_cursor"]
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "B"
        changed = cursor[:place] + other + cursor[place + 1 :]
        assert client.get(f"/v1/at-risk?limit=2&cursor={changed}").status_code == 400, place


def test_a_cursor_belongs_to_its_question_and_key(
    client: Client, folder: Path, ledger: Ledger
) -> None:
    cursor = client.json("/v1/at-risk?limit=2")["next_cursor"]
    assert client.get(f"/v1/at-risk?limit=5&cursor={cursor}").status_code == 200
    assert client.get(f"/v1/at-risk?sort=risk&cursor={cursor}").status_code == 400
    assert client.get(f"/v1/at-risk?status=lapsed&cursor={cursor}").status_code == 400
    other = open_client(folder, make_key(folder, ledger))
    assert other.get(f"/v1/at-risk?cursor={cursor}").status_code == 400


def test_an_old_cursor_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = client.json("/v1/at-risk?limit=2")["next_cursor"]
    monkeypatch.setattr("service.paging.CURSOR_SECONDS", -1)
    assert client.get(f"/v1/at-risk?cursor={cursor}").status_code == 400


def test_an_account_shows_its_history_unchanged(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    for version, value in (("1", 0.2), ("2", 0.6)):
        publish_scores(ledger, release(ledger, version=version), ["A1"], value=value)
    answer = open_client(tmp_path, make_key(tmp_path, ledger)).json("/v1/accounts/A1")
    (found,) = answer["scores"]
    assert (found["value"], found["model_version"], found["current"]) == (0.6, "2", True)
    assert [(one["value"], one["model_version"]) for one in found["history"]] == [(0.2, "1")]
    assert found["reasons"][0]["group"] == "recency"


def test_an_account_never_scored_is_unknown(client: Client) -> None:
    answer = client.get("/v1/accounts/nobody")
    assert (answer.status_code, answer.json()["type"][-15:]) == (404, "unknown-account")


def test_scores_come_in_the_order_asked_with_the_missing_named(client: Client) -> None:
    answer = client.json("/v1/scores/churn?id=A03&id=Z&id=A01&id=A03")
    assert [row["account_id"] for row in answer["scores"]] == ["A03", "A01"]
    assert answer["missing"] == ["Z"]


def test_the_written_scores_keep_to_the_published_schema(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    run_id, release_id = new_run(ledger), release(ledger, "clv", version='3 "b" é')
    money = {"unit": "minor", "currency": "GBP", "model": "clv"}
    values = [0.0, 1e-300, 1 / 3, 12_345_678_901.25, -5e15]
    rows = [score(f"A{i}", release_id, value=v, **money) for i, v in enumerate(values)]
    write_scores(ledger, run_id, rows)
    publish_run(ledger, run_id)
    client = open_client(tmp_path, make_key(tmp_path, ledger))
    raw = client.get("/v1/scores/clv?" + "&".join(f"id=A{i}" for i in range(5))).text
    answer = ScoresAnswer.model_validate_json(raw, strict=True)
    assert [row.value for row in answer.scores] == values
    assert answer.model_version == '3 "b" é'


@pytest.mark.parametrize(("query", "status"), [("", 200), ("&horizon_days=90", 200)])
def test_a_scored_horizon_is_answered(client: Client, query: str, status: int) -> None:
    assert client.get(f"/v1/scores/churn?id=A01{query}").status_code == status


@pytest.mark.parametrize(
    "path", ["/v1/scores/clv?id=A01", "/v1/scores/churn?id=A01&horizon_days=7"]
)
def test_a_model_or_horizon_not_scored_is_unknown(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "churn over 90 days" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["models?model=pigs", "accuracy?leg=pigs", "churn/track-record?campaign=pigs"]
)
def test_a_name_that_nothing_bears_is_a_problem(client: Client, path: str) -> None:
    assert client.get(f"/v1/{path}").status_code == 404


def test_models_show_cards_and_figures(client: Client) -> None:
    (found,) = client.json("/v1/models?model=churn")["models"]
    assert (found["model"], found["metrics"], found["card"]["purpose"][:3]) == (
        "churn",
        {"auc": 0.81},
        "who",
    )
    assert found in client.json("/v1/models")["models"]


def test_the_page_needs_no_scripts(client: Client) -> None:
    answer = client.get("/docs")
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "/v1/at-risk" in answer.text
