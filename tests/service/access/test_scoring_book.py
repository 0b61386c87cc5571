"""Scores that are asked for in a body: a book's rows alone, and no kind of field withheld."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.visible import Book
from service.scoring.ask import Asker
from service.scoring.lookup import Lookup
from tests.service.access.story import Company, is_visible
from tests.service.conftest import Client
from tests.service.scoring.conftest import post

EMEA = Book("emea", frozenset({("region", "emea"), ("owner", "W3")}))


def ids_of(company: Company, model: str) -> dict[str, bool]:
    """Every account, or deal, and whether the book holds it."""
    if model == "churn":
        return {row.account_id: is_visible(row, EMEA) for row in company.accounts}
    return {row.opportunity_id: is_visible(row, EMEA) for row in company.deals}


def ask(client: Client, model: str, body: dict[str, object]) -> list[dict[str, Any]]:
    answer = post(client, f"/v1/scores/{model}", body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["scores"]
    return found


def _check_book(company: Company, model: str) -> None:
    known = ids_of(company, model)
    assert set(known.values()) == {True, False}
    client = company.client("sales", EMEA)
    hidden, missing = (
        {**ask(client, model, {"ids": [one]})[0], "id": ""}
        for one in (next(one for one, seen in known.items() if not seen), "none")
    )
    assert hidden == missing
    found = {one["id"]: "value" in one for one in ask(client, model, {"ids": list(known)})}
    assert found == known


@pytest.mark.parametrize("model", ["churn", "deal_win"])
def test_a_hidden_id_is_answered_like_one_that_is_not_there(company: Company, model: str) -> None:
    _check_book(company, model)


@pytest.mark.parametrize("model", ["churn", "deal_win"])
def test_the_planted_fault_is_caught(
    company: Company, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(Lookup, "visible", lambda _, __, ___, ids, ____: set(ids))
    with pytest.raises(AssertionError):
        _check_book(company, model)


def test_all_scores_of_a_book_are_those_that_it_holds(company: Company) -> None:
    service = company.all_rows.app.state.service
    asker = Asker(service, company.all_rows.app.state.scorer.keeper)
    for model in ("churn", "deal_win"):
        mine = sorted(one for one, seen in ids_of(company, model).items() if seen)
        assert asker.list_ids(model, EMEA, limit=1_000) == mine
        assert asker.list_ids(model, None, limit=1_000) == sorted(ids_of(company, model))


def test_reasons_that_a_role_does_not_see_are_not_told(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, asked = company.client("crm"), {"ids": ["A01"], "reasons": True}
    assert ask(client, "churn", asked)[0]["reasons"]
    monkeypatch.setattr(
        "service.permissions.Permissions.withheld", lambda *_: frozenset({"reasons"})
    )
    blind = company.client("crm")
    assert "reasons" not in ask(blind, "churn", asked)[0]
