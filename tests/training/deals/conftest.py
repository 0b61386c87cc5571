"""One small selling company for all tests of its training."""

from __future__ import annotations

import pytest

from features.deals.facts import read_deal_facts
from lifecycle.snapshot import Snapshot
from tests.training.deals.company import TODAY, build_selling
from training.deals.past import DealPast, open_past, plan_past


def open_deals(known: Snapshot) -> DealPast:
    """All landmarks of a company."""
    facts = read_deal_facts(known)
    return open_past(known, plan_past(facts, TODAY), facts=facts)


@pytest.fixture(scope="session")
def selling(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """What the company knows."""
    return build_selling(tmp_path_factory.mktemp("selling"))


@pytest.fixture(scope="session")
def past(selling: Snapshot) -> DealPast:
    """Its landmarks."""
    return open_deals(selling)
