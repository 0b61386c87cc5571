"""A job and its result are for whoever sees by now what it saw when it asked; others ask again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.engine import Ledger
from ledger.job_claims import claim
from ledger.job_effects import hold, let_go
from ledger.job_results import write_result
from ledger.jobs import Job, enqueue, finish, read_job
from ledger.keys import assign_book, revoke_key
from ledger.visible import Book, write_book
from lifecycle.errors import RefusedError
from lifecycle.periods import CALENDAR_YEAR
from service import jobs as routes
from service.jobs import KEPT_BACK
from service.worker import child
from service.worker.handlers import HANDLERS
from service.worker.task import Home
from tests.ledger.story import address, new_ledger
from tests.ledger.test_jobs import NOW
from tests.service.access.story import TESTER, Company, fill_company, is_visible
from tests.service.access.tokens import token
from tests.service.conftest import Client
from tests.service.test_job_posts import SUPPOSED
from tests.service.test_jobs import name_of, post

NORTH = Book("north", frozenset({("team", "north")}))
SOUTH = Book("south", frozenset({("team", "south")}))
EXPORT = ("/v1/exports/at-risk", {"format": "ndjson", "status": "all"})
ROWS = ("/v1/scores/churn/jobs", {"format": "ndjson", "rows": [["A01"]]})


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    yield fill_company(tmp_path, new_ledger(tmp_path))
    let_go()


@dataclass(frozen=True)
class Asker:
    """A key's holder, who asks for jobs; and a worker that does them in this process."""

    company: Company
    client: Client

    @classmethod
    def of(cls, company: Company, role: str = "success", book: Book | None = NORTH) -> Asker:
        write_book(company.ledger, SOUTH, TESTER)
        return cls(company, company.client(role, book))

    def ask(self, asked: tuple[str, Any] = EXPORT, key: str = "k1") -> int:
        answer = post(self.client, *asked, key=key)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["job_id"])

    def change(self, change: Callable[[Ledger, str], object]) -> None:
        change(self.company.ledger, name_of(self.client).removeprefix("key:"))
        self.client.app.state.keys._found.clear()  # what five seconds do

    def result(self, job_id: int) -> int:
        return self.client.get(f"/v1/jobs/{job_id}/result").status_code

    def work(self, monkeypatch: pytest.MonkeyPatch, job_id: int) -> None:
        """Do a waiting job as its own process does it."""
        ledger = self.company.ledger
        with ledger.writing() as connection:
            found = claim(connection, "w1", sorted(HANDLERS), now=NOW)
        assert found is not None
        assert found[0].job_id == job_id
        hold(found[1])
        monkeypatch.setattr(child, "stay_in_bounds", lambda _: None)
        folder = self.company.folder
        child.run_held_job(Home(folder, address(folder), ZoneInfo("UTC"), CALENDAR_YEAR))


def move_south(ledger: Ledger, key_id: str) -> None:
    assign_book(ledger, key_id, "south", by=TESTER)


def move_back(ledger: Ledger, key_id: str) -> None:
    assign_book(ledger, key_id, "north", by=TESTER)


def narrow(ledger: Ledger, _: str) -> None:
    """The book keeps its name and holds other rows."""
    write_book(ledger, Book("north", SOUTH.pairs), TESTER)


def revoke(ledger: Ledger, key_id: str) -> None:
    revoke_key(ledger, key_id)


def finish_by_hand(ledger: Ledger, job_id: int) -> None:
    with ledger.writing() as connection:
        found = claim(connection, "w1", sorted(HANDLERS), now=NOW)
    assert found is not None
    assert found[0].job_id == job_id
    result = write_result(ledger, found[1], [b"rows"], media="text/csv")
    with ledger.writing() as connection:
        finish(connection, found[1], message="7 accounts", result=result)


@pytest.mark.parametrize("change", [move_south, narrow])
def test_a_result_is_not_given_to_another_book(
    company: Company, monkeypatch: pytest.MonkeyPatch, change: Callable[[Ledger, str], object]
) -> None:
    asker = Asker.of(company)
    job_id = asker.ask()
    asker.work(monkeypatch, job_id)
    given = asker.client.get(f"/v1/jobs/{job_id}/result").text.splitlines()
    mine = {row.account_id for row in company.accounts if is_visible(row, NORTH)}
    assert {json.loads(line)["account_id"] for line in given} == mine
    asker.change(change)
    assert asker.result(job_id) == 404
    shown = [asker.client.json(f"/v1/jobs/{job_id}"), *asker.client.json("/v1/jobs")["jobs"]]
    assert [(one["message"], one["result"]) for one in shown] == [(KEPT_BACK, None)] * 2
    if change is move_south:
        asker.change(move_back)
        assert asker.result(job_id) == 200
        assert asker.client.json(f"/v1/jobs/{job_id}")["result"]["size_bytes"] > 0


def test_the_planted_fault_is_caught(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    asker = Asker.of(company)
    job_id = asker.ask()
    asker.work(monkeypatch, job_id)
    asker.change(move_south)
    monkeypatch.setattr(routes, "sees_job", lambda *_: True)
    assert asker.result(job_id) == 200


def test_scores_too_are_for_the_book_that_they_were_asked_with(company: Company) -> None:
    asker = Asker.of(company, "crm", None)
    job_id = asker.ask(ROWS)
    finish_by_hand(company.ledger, job_id)
    assert asker.result(job_id) == 200
    asker.change(move_south)
    assert asker.result(job_id) == 404


@pytest.mark.parametrize(
    ("change", "why"),
    [(move_south, "has changed"), (narrow, "has changed"), (revoke, "was revoked")],
)
def test_a_job_of_a_key_that_changed_is_not_begun(
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Ledger, str], object],
    why: str,
) -> None:
    asker = Asker.of(company)
    job_id = asker.ask()
    asker.change(change)
    with pytest.raises(RefusedError, match=why):
        asker.work(monkeypatch, job_id)


def test_what_speaks_of_no_rows_is_done_for_a_dead_key(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = Asker.of(company, "admin", None)
    job_id = asker.ask(("/v1/erasures", {"subject": "contact:who1"}))
    asker.change(revoke)
    asker.work(monkeypatch, job_id)
    assert found(company.ledger, job_id).state == "done"


def found(ledger: Ledger, job_id: int) -> Job:
    job = read_job(ledger, job_id)
    assert job is not None
    return job


def test_a_person_of_another_role_has_no_results_of_the_whole_company(
    company: Company, app: Any
) -> None:
    board, moved = (Client(app, token(groups=[one])) for one in ("board", "cs-emea"))
    assert post(board, "/v1/scenarios", SUPPOSED, key="s1").status_code == 201
    answer = post(board, f"/v1/scenarios/{SUPPOSED['name']}/runs", key="s2")
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    finish_by_hand(company.ledger, job_id)
    path = f"/v1/jobs/{job_id}"
    assert (board.get(f"{path}/result").content, board.json(path)["message"]) == (
        b"rows",
        "7 accounts",
    )
    assert moved.get(f"{path}/result").status_code == 404
    assert moved.json(path)["message"] == KEPT_BACK


def test_a_persons_book_that_changed_ends_the_job(
    company: Company, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Asker(company, Client(app, token(groups=["cs-emea"])))
    kept = person.ask()
    person.work(monkeypatch, kept)
    late = person.ask(key="k2")
    write_book(company.ledger, Book("emea", frozenset({("region", "amer")})), TESTER)
    with pytest.raises(RefusedError, match="has changed"):
        person.work(monkeypatch, late)


@pytest.mark.parametrize(
    ("kind", "payload", "by_book", "by_all"),
    [
        ("scenario_run", {"name": "n"}, 404, 200),
        ("rescore", {}, 404, 200),
        ("export_at_risk", {"role": "crm", "book": None}, 404, 200),
        ("export_at_risk", {"role": "crm", "book": "north"}, 404, 404),
        ("ingest_inbox", {}, 200, 200),
        ("erase", {"erased": "subject:hash"}, 200, 200),
    ],
)
def test_jobs_of_before_are_for_those_who_see_all_rows(
    company: Company, kind: str, payload: dict[str, Any], by_book: int, by_all: int
) -> None:
    for book, status in ((NORTH, by_book), (None, by_all)):
        asker = Asker.of(company, "crm", book)
        with company.ledger.writing() as connection:
            job_id = enqueue(connection, kind, payload, by=name_of(asker.client))
        finish_by_hand(company.ledger, job_id)
        assert asker.result(job_id) == status


def test_an_admin_sees_how_everybodys_jobs_stand(company: Company) -> None:
    asker, admin = Asker.of(company), company.client("admin")
    job_id = asker.ask()
    finish_by_hand(company.ledger, job_id)
    assert admin.json(f"/v1/jobs/{job_id}")["message"] == "7 accounts"
    assert admin.get(f"/v1/jobs/{job_id}/result").status_code == 404


def test_a_cancelled_job_tells_another_book_as_little(company: Company) -> None:
    asker = Asker.of(company, "leadership", None)
    with company.ledger.writing() as connection:
        job_id = enqueue(connection, "scenario_run", {"name": "n"}, by=name_of(asker.client))
    asker.change(move_south)
    answer = post(asker.client, f"/v1/jobs/{job_id}/cancel", key="c1")
    assert (answer.status_code, answer.json()["message"]) == (200, KEPT_BACK)
