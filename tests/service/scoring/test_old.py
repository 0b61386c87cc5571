"""How old an answer may be: marked after 30 days, refused after 90."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.keys import load_pepper
from lifecycle.errors import StaleError
from service.deps import Options, Service
from service.health import find_faults
from service.scoring.ask import Asker
from service.scoring.keeper import Keeper
from service.scoring.questions import read_question
from tests.ledger.story import address

QUESTIONS = [{"ids": ["C001"]}, {"ids": ["C001"], "overrides": {}}]


@pytest.fixture(scope="module")
def asker(folder: Path, ledger: Ledger) -> Asker:
    load_pepper(folder)
    service = Service(address(folder), Options(folder))
    keeper = Keeper(folder, lambda: ledger)
    keeper.look()
    return Asker(service, keeper)


def ask(asker: Asker, body: dict[str, object], days: int) -> bool:
    """Whether the answer, given so many days later, says that it is stale."""
    now = datetime.now(UTC) + timedelta(days=days)
    row = asker.ask("churn", read_question(body), now=now)[0]
    assert row.about is not None
    return row.about.stale


@pytest.mark.parametrize("body", QUESTIONS, ids=["stored", "what-if"])
@pytest.mark.parametrize(("days", "stale"), [(0, False), (29, False), (31, True), (89, True)])
def test_an_old_answer_says_so(
    asker: Asker, body: dict[str, object], days: int, stale: bool
) -> None:
    assert ask(asker, body, days) is stale


@pytest.mark.parametrize("body", QUESTIONS, ids=["stored", "what-if"])
def test_a_very_old_answer_is_refused(asker: Asker, body: dict[str, object]) -> None:
    with pytest.raises(StaleError, match="91 days ago"):
        ask(asker, body, 91)


@pytest.mark.parametrize("body", QUESTIONS, ids=["stored", "what-if"])
def test_the_planted_fault_of_endless_patience_is_caught(
    folder: Path, ledger: Ledger, body: dict[str, object]
) -> None:
    """A service that never refuses answers after 91 days, which the test above would show."""
    service = Service(address(folder), Options(folder, 36_500, refuse_after_days=36_500))
    patient = Asker(service, _look(folder, ledger))
    assert ask(patient, body, 91) is False


def _look(folder: Path, ledger: Ledger) -> Keeper:
    keeper = Keeper(folder, lambda: ledger)
    keeper.look()
    return keeper


def _faults(folder: Path, ledger: Ledger, days: int, stale_after: int = 30) -> list[str]:
    service = Service(address(folder), Options(folder, stale_after))
    now = datetime.now(UTC) + timedelta(days=days)
    return find_faults(service, _look(folder, ledger), now=now)


@pytest.mark.parametrize(("days", "old"), [(29, False), (32, True), (91, True)])
def test_readiness_is_degraded_by_old_models_and_runs(
    folder: Path, ledger: Ledger, days: int, old: bool
) -> None:
    found = _faults(folder, ledger, days)
    assert any("the newest scores run is" in one for one in found) is old
    assert any("the model churn was trained" in one for one in found) is old


def test_the_planted_fault_of_an_ageless_service_is_caught(folder: Path, ledger: Ledger) -> None:
    assert _faults(folder, ledger, 91, stale_after=36_500) == []
