"""A job's lines may be as many bytes whether their number is told first or not."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from service.limits import INGEST_BODY_BYTES, find_policy
from service.strict_json import LARGEST_LINES_BYTES
from tests.service.conftest import Client, check_answer

BODY = b'{"format": "ndjson"}\n["A01"]\n'


def send(client: Client, declared: int) -> httpx2.Response:
    """Say that a body is so long; it is not."""

    async def work() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
        headers = {
            "authorization": f"Bearer {client.key}",
            "content-type": "application/x-ndjson",
            "content-length": str(declared),
        }
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as web:
            return await web.post("/v1/scores/churn/jobs", content=BODY, headers=headers)

    answer = asyncio.run(work())
    check_answer(answer)
    return answer


@pytest.mark.parametrize(
    ("declared", "refused"),
    [(INGEST_BODY_BYTES + 1, False), (63_999_999, False), (64_000_000, False), (64_000_001, True)],
)
def test_a_declared_body_may_reach_the_limit_and_no_more(
    client: Client, declared: int, refused: bool
) -> None:
    # a reader lacks the scope, so that whatever passes the limit ends there
    assert send(client, declared).status_code == (413 if refused else 403)


def test_the_limit_is_the_one_of_a_body_that_declares_nothing() -> None:
    policy = find_policy("POST", "/v1/scores/churn/jobs")
    assert policy.body == LARGEST_LINES_BYTES == 64_000_000
