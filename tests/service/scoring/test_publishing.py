"""A run that is published in between: every scored id has its score, and all are of one run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.deals import DEAL_WIN
from ledger.engine import Ledger
from ledger.keys import load_pepper
from ledger.releases import read_champions
from lifecycle.errors import LedgerError
from models.columns import read_texts
from service.deps import Options, Service
from service.scoring import lookup
from service.scoring.ask import Asker
from service.scoring.compute import Row
from service.scoring.keeper import Keeper
from service.scoring.questions import read_question
from service.worker import scoring
from service.worker.task import Task
from tests.ledger.story import address, new_ledger
from tests.service.conftest import make_key, open_client
from tests.service.scoring.company import (
    contracts,
    fill_company,
    fill_deals,
    open_deals,
    orders,
    publish,
)
from tests.service.scoring.test_ask import names
from tests.service.scoring.test_score_jobs import lines, send, work

Home = tuple[Path, Ledger]
FEW = 10


def build_home(folder: Path) -> Home:
    ledger = new_ledger(folder)
    fill_company(ledger, folder)
    fill_deals(ledger, folder)
    load_pepper(folder)
    return folder, ledger


@pytest.fixture(autouse=True)
def mindful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that was read once is remembered for longer than any test takes."""
    monkeypatch.setattr(lookup, "RUN_SECONDS", 3_600.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One for all tests: each publishes on, and leaves a run of everybody behind."""
    return build_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def keeper(home: Home) -> Keeper:
    made = Keeper(home[0], lambda: home[1])
    made.look()
    return made


@pytest.fixture
def asker(home: Home, keeper: Keeper) -> Asker:
    return Asker(Service(address(home[0]), Options(home[0])), keeper)


@pytest.fixture
def worked(tmp_path: Path) -> Home:
    """One of its own, for jobs: a worker takes whatever waits."""
    return build_home(tmp_path)


def publish_again(ledger: Ledger, count: int = 40) -> int:
    """Score so many accounts and all contracts anew, with the models that speak."""
    trees, _, value, frame = orders()
    risk, contract_lines = contracts()
    spoken = {(one.model, one.route): one for one in read_champions(ledger)}
    some = frame.slice(0, count)
    return publish(
        ledger,
        [
            (spoken["churn", "non_contractual"], trees, some),
            (spoken["clv", "non_contractual"], value, some),
            (spoken["churn", "contractual"], risk, contract_lines),
        ],
    )


def question(model: str, form: str) -> Any:
    ids = [str(one) for one in read_texts(open_deals(), "opportunity_id")]
    ids = ids[:3] if model == DEAL_WIN else [names()[20], "C002", names()[0]]
    return read_question({"ids": ids} if form == "stored" else {"ids": ids, "overrides": {}})


def times(rows: list[Row]) -> set[object]:
    """When the newest facts behind the rows were known: each run has a time of its own."""
    return {row.about and row.about.data_as_of for row in rows}


@pytest.mark.parametrize("form", ["stored", "what-if"])
@pytest.mark.parametrize("model", ["churn", DEAL_WIN])
def test_a_publish_hides_no_score(asker: Asker, home: Home, model: str, form: str) -> None:
    before = asker.ask(model, question(model, form))
    publish_again(home[1])
    fill_deals(home[1], home[0])
    after = asker.ask(model, question(model, form))
    assert [row.value for row in after] == [row.value for row in before]
    assert len(times(after)) == 1


@pytest.mark.parametrize("form", ["stored", "what-if"])
def test_an_id_that_the_new_run_scored_first_has_its_score(
    asker: Asker, home: Home, form: str
) -> None:
    publish_again(home[1], FEW)
    known = asker.ask("churn", read_question({"ids": [names()[0]]}))
    publish_again(home[1])
    found = asker.ask("churn", question("churn", form))
    assert [row.value is None for row in found] == [False] * 3
    assert len(times(found)) == 1
    assert times(found) != times(known)


@pytest.mark.parametrize("last", ["stored", "what-if"])
def test_one_answer_is_of_one_run(
    asker: Asker, home: Home, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """A run is published between the two statements of a question."""
    stored, changed = {"id": names()[0]}, {"id": names()[1], "overrides": {}}
    rows = [changed, stored] if last == "stored" else [stored, changed]
    read, done = lookup.Lookup.stored, list[int]()

    def publish_first(*given: Any, **more: Any) -> Any:
        if not done:
            done.append(publish_again(home[1]))
        return read(*given, **more)

    monkeypatch.setattr(lookup.Lookup, "stored", publish_first)
    found = asker.ask("churn", read_question({"rows": rows}))
    assert done
    assert [row.value is None for row in found] == [False] * 2
    assert len(times(found)) == 1


def test_an_id_that_nobody_has_stays_one(asker: Asker) -> None:
    found = asker.ask("churn", read_question({"ids": ["nobody", names()[0]]}))
    assert [row.value is None for row in found] == [True, False]


def publish_after_two_rows(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have jobs score two rows at a time, and a run published after the first two."""
    monkeypatch.setattr(scoring, "LARGEST_ROW_COUNT", 2)
    report: Callable[..., None] = Task.report
    done: list[int] = []

    def publish_once(*told: Any) -> None:
        report(*told)
        if not done:
            done.append(publish_again(ledger))

    monkeypatch.setattr(Task, "report", publish_once)


def ask_for_job(home: Home, given: str) -> None:
    client = open_client(home[0], make_key(*home, role="crm"))
    columns = ["id"] if given == "stored" else ["id", "recency_days"]
    wish = {"format": "ndjson", "given": given, "columns": columns}
    body = lines(wish, *[[name, 3][: len(columns)] for name in names()[:4]])
    assert send(client, "/v1/scores/churn/jobs", body).status_code == 202


def test_a_job_whose_last_rows_are_of_a_newer_run_begins_again(
    worked: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for_job(worked, "stored")
    publish_after_two_rows(worked[1], monkeypatch)
    with pytest.raises(LedgerError, match="in between"):
        work(worked[1], worked[0])


def test_a_job_of_changed_rows_stays_with_the_run_it_began_with(
    worked: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_for_job(worked, "overrides")
    publish_after_two_rows(worked[1], monkeypatch)
    made = [json.loads(line) for line in work(worked[1], worked[0]).splitlines()]
    assert len({one["data_as_of"] for one in made}) == 1
    assert None not in {one["value"] for one in made}
