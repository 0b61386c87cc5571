"""A key with a book is told the forecast of its book's own nodes, and never the company's."""

from __future__ import annotations

import json

import pytest

from ledger.engine import Ledger
from ledger.visible import Book, write_book
from service import forecasts
from tests.service.access.story import TESTER
from tests.service.conftest import Client, make_key, open_client
from tests.service.conftest import folder as folder
from tests.service.conftest import ledger as ledger

PATH = "/v1/forecasts/2012Q1"
MINE = frozenset({("segment", "smb"), ("owner", "W9")})


@pytest.fixture(scope="module")
def seller(folder, ledger: Ledger) -> Client:  # type: ignore[no-untyped-def]
    write_book(ledger, Book("smb", MINE), TESTER)
    return open_client(folder, make_key(folder, ledger, role="sales", book="smb"))


def _check_alone(seller: Client) -> None:
    found = seller.json(f"{PATH}?legs=true")
    assert [one["node"] for one in found["nodes"]] == ["segment=smb"]
    assert (found["total"], found["track_record"], found["notes"]) == (None, None, {})
    assert found["dimensions"] == ["segment"]
    told = json.dumps(found)
    assert all(f"{minor:.1f}" not in told for minor in (10_000.0, 6_000.0, 11_000.0))


def test_a_book_sees_its_nodes_alone(seller: Client) -> None:
    _check_alone(seller)


def test_the_planted_fault_is_caught(seller: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "narrow_book", lambda book, _: book)
    with pytest.raises(AssertionError):
        _check_alone(seller)


def test_another_dimension_is_as_unknown_as_one_that_is_not_there(seller: Client) -> None:
    answers = [seller.get(f"{PATH}?by={name}") for name in ("owner", "product")]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


@pytest.mark.parametrize("path", [f"{PATH}/gap", f"{PATH}/changes?since=2011-12-03",
                                  "/v1/scenarios", "/v1/scenarios/Acme%20signs"])  # fmt: skip
def test_what_speaks_of_the_whole_company_is_refused(seller: Client, path: str) -> None:
    answer = seller.get(path)
    assert answer.status_code == 403
    assert "whole company" in answer.json()["detail"]
