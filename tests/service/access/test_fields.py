"""Nobody reads what the role does not see: planted words and sums, sought in every answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.runs import publish_run
from ledger.scores import write_scores
from ledger.views import write_at_risk
from ledger.visible import Book
from service import accounts, at_risk
from service.permissions import load_permissions
from tests.ledger.deal_story import deal, deal_release, publish_deals
from tests.ledger.story import REASON, contract, new_ledger, new_run, release, score
from tests.service.access.story import Company
from tests.service.access.test_matrix import ASKED, cells
from tests.service.conftest import Client, make_key

MAIL, PHONE = "canary.anna@example.com", "+49 30 1234567"
FIRM, OWNER, REASONED = "Canary Holdings", "CANARYOWNER", "canary reason"
MONEY = "7654321"
CANARIES = {"contact": (MAIL, PHONE), "name": (FIRM,), "owner": (OWNER,), "reasons": (REASONED,),
            "money": (MONEY,)}  # fmt: skip
BOOK = Book("canary", frozenset({("segment", "United Kingdom"), ("segment", "mid")}))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder: Path = tmp_path_factory.mktemp("canaries")
    ledger = new_ledger(folder)
    release_id, run_id = release(ledger), new_run(ledger)
    reasons = [{**REASON, "label": REASONED}]
    write_scores(ledger, run_id, [score("A01", release_id, reasons=reasons)])
    make_key(folder, ledger, label=MAIL, created_by=PHONE)
    row = contract("A01", 1.0, name=FIRM, owner_id=OWNER, reasons=reasons)
    write_at_risk(ledger, run_id, [replace(row, mrr_minor=float(MONEY))])
    publish_run(ledger, run_id)
    deal_release(ledger)
    rows = [deal("O01", account_name=FIRM, owner_id=OWNER, amount_minor=int(MONEY))]
    publish_deals(ledger, rows)
    return Company(folder, ledger, [row], rows)


def _crawl(client: Client) -> str:
    """Everything that a key is told, refusals too."""
    told = []
    for method, path, _, _ in cells(client):
        query = {"/v1/scores/{model}": "?id=A01", "/v1/scores/deal_win": "?id=O01"}.get(path, "")
        told.append(client.get(path.format_map(ASKED) + query, method=method).text)
    return "\n".join(told)


def _check_role(company: Company, role: str) -> None:
    text = _crawl(company.client(role, BOOK if load_permissions().roles[role].book else None))
    seen = load_permissions().roles[role].fields
    for kind, words in CANARIES.items():
        found = [word for word in words if word in text]
        assert not found or kind in seen, (role, kind, found)


@pytest.mark.parametrize("role", load_permissions().roles)
def test_a_role_reads_only_its_kinds_of_fields(company: Company, role: str) -> None:
    _check_role(company, role)


def test_the_canaries_can_be_found_at_all(company: Company) -> None:
    text = _crawl(company.all_rows)
    assert all(word in text for word in (FIRM, OWNER, REASONED, MONEY))
    assert MAIL not in text
    assert PHONE not in text


def test_the_planted_fault_is_caught(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (at_risk, accounts):
        monkeypatch.setattr(module, "withhold", lambda _, row: dict(row))
    with pytest.raises(AssertionError):
        _check_role(company, "leadership")
