"""Many rows scored by a job: the same answers as row by row, exact limits, and nobody's secrets."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.engine import Ledger
from ledger.job_claims import claim
from ledger.job_inputs import read_input
from ledger.jobs import cancel_job
from lifecycle.errors import LedgerError, RefusedError
from lifecycle.periods import CALENDAR_YEAR
from service.scoring import ask as asking
from service.worker import scoring
from service.worker.handlers import find_handler
from service.worker.task import Home, Task
from tests.ledger.story import address
from tests.ledger.test_jobs import NOW
from tests.service.conftest import Client, check_answer, make_key, open_client
from tests.service.scoring.conftest import ask
from tests.service.scoring.test_ask import features, names

LINES = "application/x-ndjson"
WISH = {"format": "ndjson"}
MANY = 100_000


@pytest.fixture(scope="module")
def crm(folder: Path, ledger: Ledger) -> Client:
    made = open_client(folder, make_key(folder, ledger, role="crm"))
    made.app.state.scorer.keeper.look()  # as the server does when it starts
    return made


_keys = iter(range(10_000))


def send(client: Client, path: str, body: bytes, kind: str = LINES) -> httpx2.Response:
    async def work() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {client.key}", "content-type": kind}
        headers["idempotency-key"] = f"k{next(_keys)}"
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as web:
            return await web.post(path, content=body, headers=headers)

    answer = asyncio.run(work())
    check_answer(answer)
    return answer


def lines(*rows: object) -> bytes:
    return b"\n".join(json.dumps(row).encode() for row in rows)


def take(ledger: Ledger, folder: Path) -> Task:
    """The job that waits longest, as a worker's child has it."""
    with ledger.writing() as connection:
        found = claim(connection, "w1", ["score_rows", "replay_score"], now=NOW)
    assert found is not None
    home = Home(folder, address(folder), ZoneInfo("UTC"), CALENDAR_YEAR)
    return Task(*found, ledger, home)


def work(ledger: Ledger, folder: Path) -> bytes:
    task = take(ledger, folder)
    content: Iterable[bytes] | None = find_handler(task.job.kind)(task).content
    assert content is not None
    return b"".join(content)


def score(client: Client, ledger: Ledger, folder: Path, body: bytes) -> list[dict[str, Any]]:
    answer = send(client, "/v1/scores/churn/jobs", body)
    assert answer.status_code == 202, answer.text
    return [json.loads(line) for line in work(ledger, folder).splitlines()]


def test_stored_scores_are_those_of_the_call(crm: Client, ledger: Ledger, folder: Path) -> None:
    wanted = [names()[3], "C002", "nobody", names()[3]]
    asked = {**WISH, "reasons": True}
    found = score(crm, ledger, folder, lines(asked, *[[name] for name in wanted]))
    said = ask(crm, {"ids": wanted, "reasons": True})
    assert [one["row"] for one in found] == [1, 2, 3, 4]
    for mine, theirs in zip(found, said, strict=True):
        assert {name: mine[name] for name in theirs} == theirs
    assert {one["issued"] for one in found} == {True, None}


def test_computed_scores_are_those_of_the_call(crm: Client, ledger: Ledger, folder: Path) -> None:
    rows = [[name, 300] for name in names()[:5]]
    wish = {**WISH, "given": "overrides", "columns": ["id", "recency_days"]}
    found = score(crm, ledger, folder, lines(wish, *rows))
    said = ask(crm, {"ids": names()[:5], "overrides": {"recency_days": 300}})
    for name in ("value", "band", "input_digest", "model_version", "rank", "issued"):
        assert [one[name] for one in found] == [one[name] for one in said]
    assert {one["issued"] for one in found} == {False}


def test_whole_rows_are_scored_and_a_bad_one_takes_no_other_away(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    row = features(2)
    wish = {"given": "features", "columns": ["id", *row], "route": "non_contractual"}
    bad = ["b", *["text" if name == "recency_days" else one for name, one in row.items()]]
    body = lines({**WISH, **wish}, ["a", *row.values()], bad, ["short"], {"id": "c"})
    found = score(crm, ledger, folder, body + b'\n["d",NaN\n')
    assert found[0]["value"] == pytest.approx(ask(crm, {"ids": [names()[2]]})[0]["value"], 1e-12)
    told = [one["problems"] and one["problems"][0]["rule"] for one in found]
    assert told == [None, "type", "form", "form", "form"]
    assert [one["id"] for one in found] == ["a", "b", None, None, None]


def test_all_stored_scores_are_the_same_in_each_form(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    made = {}
    for form in ("ndjson", "csv", "parquet"):
        body = json.dumps({"format": form, "all": True, "reasons": True}).encode()
        assert send(crm, "/v1/scores/churn/jobs", body, "application/json").status_code == 202
        made[form] = work(ledger, folder)
    rows = [json.loads(line) for line in made["ndjson"].splitlines()]
    cells = list(csv.DictReader(io.StringIO(made["csv"].decode(), newline="")))
    table = pq.read_table(pa.BufferReader(made["parquet"])).to_pylist()
    ids = [one["id"] for one in rows]
    assert len(ids) == 80
    assert ids == sorted(ids) == [one["id"] for one in cells] == [one["id"] for one in table]
    assert [one["value"] for one in rows] == [float(one["value"]) for one in cells]
    assert rows[0]["reasons"] == json.loads(cells[0]["reasons"]) == json.loads(table[0]["reasons"])


def test_no_cell_is_a_formula(crm: Client, ledger: Ledger, folder: Path) -> None:
    body = lines({"format": "csv"}, ["-C002"], ["=1+1"])
    assert send(crm, "/v1/scores/churn/jobs", body).status_code == 202
    cells = list(csv.DictReader(io.StringIO(work(ledger, folder).decode(), newline="")))
    assert [one["id"] for one in cells] == ["'-C002", ""]


def test_a_hundred_thousand_rows_are_taken_and_one_more_is_not(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    row = b'["C001"]\n'
    head = lines(WISH) + b"\n"
    refused = send(crm, "/v1/scores/churn/jobs", head + row * (MANY + 1))
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (
        413,
        "too-many-rows",
    )
    assert send(crm, "/v1/scores/churn/jobs", head + row * MANY).status_code == 202
    task = take(ledger, folder)
    assert task.job.payload["count"] == MANY
    assert sum(1 for _ in read_input(ledger, task.job.job_id)) == MANY
    with ledger.writing() as connection:
        cancel_job(connection, task.job.job_id)


@pytest.mark.parametrize("limit", [80, 79])
def test_all_stored_scores_may_be_as_many_as_the_rows_of_a_job(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    assert scoring.LARGEST_JOB_ROW_COUNT == MANY
    monkeypatch.setattr(scoring, "LARGEST_JOB_ROW_COUNT", limit)
    assert send(crm, "/v1/scores/churn/jobs", lines({**WISH, "all": True})).status_code == 202
    if limit == 80:
        assert len(work(ledger, folder).splitlines()) == 80
        return
    with pytest.raises(RefusedError, match="more than 79"):
        work(ledger, folder)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        lines(WISH),
        lines({**WISH, "all": True}, ["C001"]),
        lines({"format": "xls"}, ["C001"]),
        lines({**WISH, "columns": ["id", "recency_days"]}, ["C001", 1]),
        lines({**WISH, "columns": ["recency_days"], "given": "features"}, [1]),
        lines([1], ["C001"]),
        lines({**WISH, "book": "all"}, ["C001"]),
    ],
)
def test_what_does_not_say_what_is_asked_is_refused(crm: Client, body: bytes) -> None:
    assert send(crm, "/v1/scores/churn/jobs", body).status_code == 422


def test_rows_are_dropped_when_the_job_ends(crm: Client, ledger: Ledger) -> None:
    answer = send(crm, "/v1/scores/churn/jobs", lines(WISH, ["C001"]))
    job_id = answer.json()["job_id"]
    assert list(read_input(ledger, job_id)) == [b'["C001"]']
    with ledger.writing() as connection:
        cancel_job(connection, job_id)
    assert list(read_input(ledger, job_id)) == []


def test_a_refresh_in_between_ends_the_try(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = asking.Asker.run_of
    numbers = iter((1, 2))

    class Other:
        @property
        def run_id(self) -> int:
            return next(numbers)

    assert send(crm, "/v1/scores/churn/jobs", lines(WISH, ["C001"])).status_code == 202
    monkeypatch.setattr(asking.Asker, "run_of", lambda *given: run(*given) and Other())
    with pytest.raises(LedgerError, match="in between"):
        work(ledger, folder)
