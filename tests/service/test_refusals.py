"""The look at every refusal sees what it looks for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lifecycle.limits import NO_PACE
from service.admission import Admission
from service.guard import Guard
from tests.service.refusals import FAULTS

CASE = "canary-of-the-caller"
PROBLEM = {"status": 404, "request_id": "one", "detail": "no such path"}
FAULTY: dict[str, tuple[bytes, dict[str, object]]] = {
    "no problem": (b"application/json", PROBLEM),
    "another status": (b"application/problem+json", {**PROBLEM, "status": 400}),
    "no request id": (b"application/problem+json", {**PROBLEM, "request_id": "two"}),
    "Traceback": (b"application/problem+json", {**PROBLEM, "detail": "Traceback (most recent"}),
    CASE: (b"application/problem+json", {**PROBLEM, "detail": f"unknown {CASE}"}),
}


def _refuse(media: bytes, problem: dict[str, object]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", media)]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(problem).encode()})

    async def ignore(message: Any) -> None: ...

    guard = Guard(app, NO_PACE, Admission(NO_PACE))
    scope = {"type": "http", "method": "GET", "path": f"/v1/deals/{CASE}", "query_string": b"",
             "headers": [(b"x-request-id", b"one")]}  # fmt: skip
    asyncio.run(guard(scope, ignore, ignore))  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", FAULTY)
def test_the_planted_fault_is_caught(fault: str) -> None:
    _refuse(*FAULTY[fault])
    found = list(FAULTS)
    FAULTS.clear()
    assert len(found) == 1
    assert fault in found[0]


def test_a_good_refusal_is_none() -> None:
    _refuse(b"application/problem+json", PROBLEM)
    assert FAULTS == []
