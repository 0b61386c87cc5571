"""A request that says all in its path: its body is read all the same, and must be empty."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest

from ledger.engine import Ledger
from ledger.jobs import read_job
from tests.ledger.test_jobs import ask
from tests.service.conftest import Client, check_answer, make_key, open_client
from tests.service.test_job_posts import SUPPOSED
from tests.service.test_jobs import leader as leader
from tests.service.test_jobs import name_of, post


def send(client: Client, path: str, body: bytes, key: str) -> httpx2.Response:
    async def work() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as http:
            headers = {"authorization": f"Bearer {client.key}", "idempotency-key": key}
            return await http.post(path, headers=headers, content=body)

    answer = asyncio.run(work())
    check_answer(answer)
    return answer


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_where_every_place_is_taken_a_body_lets_nobody_in(
    leader: Client, ledger: Ledger, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = ask(ledger, by=name_of(leader))
    admission = leader.app.state.admission
    monkeypatch.setattr(admission, "_running", admission._places)
    assert send(leader, f"/v1/jobs/{job_id}/cancel", body, "f1").status_code == 503
    job = read_job(ledger, job_id)
    assert job is not None
    assert job.state == "queued"


def test_a_place_is_given_back_after_a_body_was_read(leader: Client, ledger: Ledger) -> None:
    job_id = ask(ledger, by=name_of(leader))
    assert send(leader, f"/v1/jobs/{job_id}/cancel", b"{}", "g1").status_code == 200
    assert leader.app.state.admission.running == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"x":1}', 422), (b"[]", 422), (b"null", 422), (b"{", 400), (b"NaN", 400), (b" {} ", 200)],
)
def test_a_body_that_says_something_is_refused(
    leader: Client, ledger: Ledger, body: bytes, status: int
) -> None:
    job_id = ask(ledger, by=name_of(leader))
    path = f"/v1/jobs/{job_id}/cancel"
    assert send(leader, path, body, f"h{body!r}".replace(" ", "")).status_code == status


def test_the_same_key_with_another_body_is_not_answered_as_before(
    leader: Client, ledger: Ledger
) -> None:
    path = f"/v1/jobs/{ask(ledger, by=name_of(leader))}/cancel"
    first = send(leader, path, b"", "i1")
    for body in (b"", b"{}", b"{ }\n"):
        again = send(leader, path, body, "i1")
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotent-replayed"] == "true"
    assert send(leader, path, b'{"x":1}', "i1").status_code == 422


def test_every_route_without_a_body_reads_it(folder: Path, ledger: Ledger, leader: Client) -> None:
    assert post(leader, "/v1/scenarios", {**SUPPOSED, "name": "Unread"}, key="u0").is_success
    assert send(leader, "/v1/scenarios/Unread/runs", b'{"x":1}', "u1").status_code == 422
    assert send(leader, "/v1/scenarios/Unread/runs", b"{}", "u1").status_code == 202
    admin = open_client(folder, make_key(folder, ledger, role="admin"))
    made = post(admin, "/v1/webhooks", {"url": "https://192.0.2.1/", "events": ["test"]}, key="u2")
    path = f"/v1/webhooks/{made.json().get('webhook_id', 1)}/disable"
    assert send(admin, path, b'{"x":1}', "u3").status_code == 422


def test_a_body_too_large_is_refused(leader: Client, ledger: Ledger) -> None:
    path = f"/v1/jobs/{ask(ledger, by=name_of(leader))}/cancel"
    assert send(leader, path, b" " * 64_001, "j1").status_code == 413
