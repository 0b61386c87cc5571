from __future__ import annotations

from typing import Any

import pytest

from ledger.visible import Book, write_book
from service.app import create_app
from service.deps import Options
from service.oidc import TokenReader
from tests.ledger.story import address, new_ledger
from tests.service.access.story import TESTER, Company, fill_company
from tests.service.access.tokens import ISSUER, new_keys


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder = tmp_path_factory.mktemp("company")
    return fill_company(folder, new_ledger(folder))


@pytest.fixture
def app(company: Company) -> Any:
    """The service of that company, which knows the identity provider and the book of its group."""
    write_book(company.ledger, Book("emea", frozenset({("region", "emea")})), TESTER)
    made = create_app(address(company.folder), Options(company.folder), ISSUER)
    made.state.tokens = TokenReader(ISSUER, new_keys())
    return made
