"""How old an answer may be: marked after 30 days, refused after 90."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.keys import load_pepper
from lifecycle.errors import StaleError
from service.deps import Options, Service
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
