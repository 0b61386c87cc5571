"""A job asked for is answered alike when it is asked for again, whatever was published since."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ledger.engine import Ledger
from ledger.jobs import JobFilters, read_job, read_jobs
from ledger.releases import read_releases
from tests.ledger.story import fill, new_ledger, publish_scores
from tests.service.conftest import Client, check_answer, make_key, open_client

REPLAY = ("/v1/scores/churn/A01/replay", b"{}")
ROWS = json.dumps(
    {"format": "csv", "given": "features", "columns": ["id", "recency_days"], "rows": [["a", 1]]}
).encode()
SCORE = ("/v1/scores/churn/jobs", ROWS)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = new_ledger(tmp_path)
    fill(made)
    return made


@pytest.fixture
def crm(tmp_path: Path, ledger: Ledger) -> Client:
    return open_client(tmp_path, make_key(tmp_path, ledger, role="crm"))


def send(client: Client, asked: tuple[str, bytes], key: str | None = "k") -> httpx2.Response:
    async def work() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {client.key}", "content-type": "application/json"}
        headers |= {} if key is None else {"idempotency-key": key}
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as web:
            return await web.post(asked[0], content=asked[1], headers=headers)

    answer = asyncio.run(work())
    check_answer(answer)
    return answer


def publish(ledger: Ledger, *accounts: str) -> None:
    publish_scores(ledger, read_releases(ledger, "churn")[0].release_id or 0, accounts)


def take_features_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.scoring.job_routes.read_layouts", lambda *_: [])


@pytest.mark.parametrize("asked", [REPLAY, SCORE])
def test_a_retry_is_answered_as_the_first_was(
    crm: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, bytes]
) -> None:
    first = send(crm, asked)
    assert first.status_code == 202, first.text
    publish(ledger, "B01")
    take_features_away(monkeypatch)
    again = send(crm, asked)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    refused = send(crm, asked, key="another")
    assert refused.status_code == (404 if asked is REPLAY else 422)
    assert len(read_jobs(ledger, JobFilters(), limit=9)) == 1


@pytest.mark.parametrize("asked", [REPLAY, SCORE])
def test_the_job_keeps_what_its_asker_saw(
    crm: Client, ledger: Ledger, asked: tuple[str, bytes]
) -> None:
    job = read_job(ledger, send(crm, asked).json()["job_id"])
    assert job is not None
    assert {"role": "crm", "book": None, "pairs": None}.items() <= job.payload.items()


def test_a_refusal_is_not_kept(crm: Client, ledger: Ledger) -> None:
    later: tuple[str, bytes] = ("/v1/scores/churn/Z01/replay", b"{}")
    refusals: list[dict[str, Any]] = []
    for _ in range(2):
        answer = send(crm, later)
        assert answer.status_code == 404
        assert "idempotent-replayed" not in answer.headers
        refusals.append({**answer.json(), "request_id": ""})
    assert refusals[0] == refusals[1]
    publish(ledger, "Z01")
    assert send(crm, later).status_code == 202


def test_what_was_never_scored_is_refused_as_before(tmp_path: Path) -> None:
    empty = new_ledger(tmp_path / "empty")
    crm = open_client(tmp_path / "empty", make_key(tmp_path / "empty", empty, role="crm"))
    assert send(crm, REPLAY).status_code == 503
    assert send(crm, REPLAY, key=None).status_code == 400
    assert send(crm, ("/v1/scores/other/A01/replay", b"{}")).status_code == 404
