from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ledger.engine import Ledger
from ledger.job_claims import claim, fail
from ledger.job_results import drop_results, write_result
from ledger.jobs import finish
from tests.ledger.test_jobs import NOW, ask
from tests.service.conftest import Client, check_answer, make_key, open_client


def post(client: Client, path: str, body: object | None = None, key: str = "k1") -> httpx2.Response:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
            headers = {"authorization": f"Bearer {client.key}", "idempotency-key": key}
            if body is None:
                return await http.post(path, headers=headers)
            headers["content-type"] = "application/json"
            return await http.post(path, headers=headers, content=json.dumps(body))

    answer = asyncio.run(send())
    check_answer(answer)
    return answer


def name_of(client: Client) -> str:
    return "key:" + client.key.split("_")[2]


@pytest.fixture(scope="module")
def leader(folder: Path, ledger: Ledger) -> Client:
    return open_client(folder, make_key(folder, ledger, role="leadership"))


@pytest.fixture(scope="module")
def admin(folder: Path, ledger: Ledger) -> Client:
    return open_client(folder, make_key(folder, ledger, role="admin"))


def done(ledger: Ledger, job_id: int, content: bytes) -> None:
    while True:
        with ledger.writing() as connection:
            found = claim(connection, "w1", ("refresh", "scenario_run"), now=NOW)
            assert found is not None
            if found[0].job_id != job_id:
                fail(connection, found[1], "not this one", now=NOW)
                continue
        result = write_result(ledger, found[1], [content], media="text/csv")
        with ledger.writing() as connection:
            finish(connection, found[1], result=result)
        return


def test_a_caller_sees_its_own_jobs_and_an_admin_all(
    leader: Client, admin: Client, ledger: Ledger
) -> None:
    mine = [ask(ledger, by=name_of(leader)) for _ in range(3)]
    other = ask(ledger, by="key:somebody")
    seen = {job["job_id"] for job in leader.json("/v1/jobs")["jobs"]}
    assert set(mine) <= seen
    assert other not in seen
    assert {other, *mine} <= {job["job_id"] for job in admin.json("/v1/jobs")["jobs"]}
    assert leader.get(f"/v1/jobs/{other}").json()["type"].endswith("unknown-job")
    assert admin.json(f"/v1/jobs/{other}")["state"] == "queued"


def test_pages_of_jobs_walk_each_once_and_a_cursor_is_its_callers(
    leader: Client, admin: Client, ledger: Ledger
) -> None:
    for _ in range(3):
        ask(ledger, by=name_of(leader))
    seen: list[int] = []
    page: dict[str, Any] = leader.json("/v1/jobs?limit=2")
    cursor = page["next_cursor"]
    while True:
        seen += [job["job_id"] for job in page["jobs"]]
        if page["next_cursor"] is None:
            break
        page = leader.json(f"/v1/jobs?limit=2&cursor={page['next_cursor']}")
    assert len(seen) == len(set(seen)) == len(leader.json("/v1/jobs?limit=200")["jobs"])
    assert admin.get(f"/v1/jobs?limit=2&cursor={cursor}").status_code == 400


def test_a_result_is_its_askers_alone_and_gone_after_its_week(
    leader: Client, admin: Client, ledger: Ledger
) -> None:
    job_id = ask(ledger, by=name_of(leader))
    assert leader.get(f"/v1/jobs/{job_id}/result").status_code == 409
    done(ledger, job_id, b"a,b\n")
    answer = leader.get(f"/v1/jobs/{job_id}/result")
    assert (answer.content, answer.headers["content-type"]) == (b"a,b\n", "text/csv; charset=utf-8")
    assert admin.get(f"/v1/jobs/{job_id}/result").status_code == 404
    later = NOW.replace(year=NOW.year + 2)
    drop_results(ledger, now=later)
    assert leader.get(f"/v1/jobs/{job_id}/result").status_code == 410
    assert leader.json(f"/v1/jobs/{job_id}")["result"]["kept_until"] is None


def test_cancelling_is_for_ones_own_jobs_and_for_what_has_not_ended(
    leader: Client, ledger: Ledger
) -> None:
    mine, other = ask(ledger, by=name_of(leader)), ask(ledger, by="key:somebody")
    assert post(leader, f"/v1/jobs/{other}/cancel", key="c0").status_code == 404
    first = post(leader, f"/v1/jobs/{mine}/cancel", key="c1")
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert post(leader, f"/v1/jobs/{mine}/cancel", key="c1").json() == first.json()
    ended = ask(ledger, by=name_of(leader))
    done(ledger, ended, b"")
    assert post(leader, f"/v1/jobs/{ended}/cancel", key="c2").status_code == 409
