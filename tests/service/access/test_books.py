"""A caller sees the rows of its book, and sums of exactly these; the rest is as if it were not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import views
from ledger.deals import DealFilters, read_deals
from ledger.issued_deals import read_deal
from ledger.views import AtRiskFilters, find_visible, read_at_risk, sum_at_risk
from ledger.visible import Book
from tests.service.access.story import VALUES, Company, is_visible
from tests.service.conftest import Client

PAIRS = [(name, value) for name, values in VALUES.items() for value in values if value]
EMEA = Book("emea", frozenset({("region", "emea"), ("owner", "W3")}))
BOOKS = st.frozensets(st.sampled_from([*PAIRS, ("product", "P1"), ("owner", "nobody")])).map(
    lambda pairs: Book("drawn", pairs)
)
STATUS = st.sampled_from([None, "at_risk", "lapsed"])


def _walk(client: Client, path: str, name: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while cursor is not None:
        page = client.json(f"{path}limit=7{cursor and f'&cursor={cursor}'}")
        yield from page[name]
        cursor = page["next_cursor"]


def _visible(company: Company, book: Book) -> set[str]:
    return {row.account_id for row in company.accounts if is_visible(row, book)}


def _check_book(company: Company, book: Book, status: str | None) -> None:
    """List, totals, single reads and deals show the rows of a book, no more and no fewer."""
    filters = AtRiskFilters(status=status, book=book)
    page, told = (
        read_at_risk(company.ledger, filters, limit=200),
        sum_at_risk(company.ledger, filters),
    )
    assert page is not None
    assert told is not None
    seen = {row.account_id for row in company.accounts if is_visible(row, book)
            and status in {None, row.status}}  # fmt: skip
    assert {row.account_id for row in page.rows} == seen
    assert sum(one.accounts_count for one in told[1]) == len(seen)
    listed = sum(row.expected_loss_minor for row in page.rows)
    assert sum(one.expected_loss_minor for one in told[1]) == pytest.approx(listed)
    everybody = [row.account_id for row in company.accounts]
    assert find_visible(company.ledger, everybody, book) == _visible(company, book)
    deals = read_deals(company.ledger, DealFilters(book=book), limit=200)
    assert deals is not None
    mine = {row.opportunity_id for row in company.deals if is_visible(row, book)}
    assert {row.opportunity_id for row in deals.rows} == mine
    one = company.deals[len(book.pairs) % len(company.deals)]
    assert bool(read_deal(company.ledger, one.opportunity_id, book)) == is_visible(one, book)


@settings(max_examples=60)
@given(book=BOOKS, status=STATUS)
def test_a_random_book_sees_its_rows_and_sums_them(
    company: Company, book: Book, status: str | None
) -> None:
    """60 books over 60 accounts and 40 deals: 6,000 draws of a row and a book."""
    _check_book(company, book, status)


@pytest.mark.parametrize("leak", ["no filter", "first dimension only"])
def test_the_planted_fault_is_caught(
    company: Company, monkeypatch: pytest.MonkeyPatch, leak: str
) -> None:
    good = views.is_in
    narrow = Book("emea", frozenset({("region", "emea")}))
    planted = (lambda *_: []) if leak == "no filter" else (lambda _, table: good(narrow, table))
    monkeypatch.setattr(views, "is_in", planted)
    with pytest.raises(AssertionError):
        _check_book(company, EMEA, None)


def test_over_http_a_key_walks_its_book_alone(company: Company) -> None:
    for role, path, name, key in (
        ("success", "/v1/at-risk?status=all&", "accounts", "account_id"),
        ("sales", "/v1/deals?", "deals", "opportunity_id"),
    ):
        rows = company.accounts if name == "accounts" else company.deals
        found = [one[key] for one in _walk(company.client(role, EMEA), path, name)]
        assert sorted(found) == sorted(getattr(row, key) for row in rows if is_visible(row, EMEA))


def test_what_is_hidden_answers_like_what_is_not_there(company: Company) -> None:
    client = company.client("sales", EMEA)
    hidden = next(row for row in company.accounts if not is_visible(row, EMEA)).account_id
    deal = next(row for row in company.deals if not is_visible(row, EMEA)).opportunity_id
    for path, absent in ((f"/v1/accounts/{hidden}", "/v1/accounts/none"),
                         (f"/v1/deals/{deal}", "/v1/deals/none")):  # fmt: skip
        answers = [client.get(one) for one in (path, absent)]
        assert [one.status_code for one in answers] == [404, 404]
        bodies = [{**one.json(), "request_id": ""} for one in answers]
        assert bodies[0] == bodies[1]


@pytest.mark.parametrize("path", ["/v1/scores/churn", "/v1/scores/deal_win"])
def test_scores_by_id_are_missing_where_they_are_hidden(company: Company, path: str) -> None:
    rows = company.accounts if path.endswith("churn") else company.deals
    key = "account_id" if path.endswith("churn") else "opportunity_id"
    ids = [getattr(row, key) for row in rows]
    mine = {getattr(row, key) for row in rows if is_visible(row, EMEA)}
    asked = "&".join(f"id={one}" for one in [*ids, "none"])
    found = company.client("sales", EMEA).json(f"{path}?{asked}")
    assert {one[key] for one in found["scores"]} == mine
    assert set(found["missing"]) == {*ids, "none"} - mine


def test_scores_that_are_all_hidden_are_all_missing(company: Company) -> None:
    client = company.client("sales", Book("void", frozenset({("owner", "nobody")})))
    found = client.json("/v1/scores/churn?id=A01&id=none")
    assert (found["scores"], found["missing"]) == ([], ["A01", "none"])


def test_owners_are_those_of_the_book(company: Company) -> None:
    book = Book("south", frozenset({("team", "south"), ("owner", "W2")}))
    found = company.client("sales", book).json("/v1/owners/bias")["owners"]
    assert {one["owner_id"] for one in found} == {"W1", "W2", "W3", "W5"}


def test_a_role_that_needs_a_book_sees_nothing_without_one(company: Company) -> None:
    client = company.client("success")
    assert client.json("/v1/at-risk?status=all")["accounts"] == []
    assert client.json("/v1/at-risk/totals?status=all")["totals"] == []


def test_a_book_that_changes_is_followed(company: Company) -> None:
    client = company.client("success", Book("moving", frozenset({("owner", "W1")})))
    assert client.json("/v1/at-risk?status=all")["accounts"]
    company.client("success", Book("moving", frozenset({("owner", "nobody")})))
    client.app.state.keys._found.clear()  # what five seconds do
    assert client.json("/v1/at-risk?status=all")["accounts"] == []
