from __future__ import annotations

import pytest

from tests.ledger.story import new_ledger
from tests.service.access.story import Company, fill_company


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder = tmp_path_factory.mktemp("company")
    return fill_company(folder, new_ledger(folder))
