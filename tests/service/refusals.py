"""A look at every refusal that the guard lets out while tests run, whichever test asked for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from service.guard import Guard

FAULTS: list[str] = []
LONG = 12
"""A text of the caller's that is this long occurs in an answer only if it was repeated."""
TOLD = ("Traceback (most recent", 'File "', "sqlite3.", "psycopg.", "SELECT ")


def find_fault(scope: Any, head: Any, body: bytes) -> str | None:
    """Return what is wrong with a refusal: not a problem, without its id, or it tells too much."""
    headers = {name.lower(): value.decode() for name, value in head["headers"]}
    if headers.get(b"content-type") != "application/problem+json":
        return f"no problem but {headers.get(b'content-type')}"
    problem = json.loads(body)
    if problem["status"] != head["status"]:
        return "another status"
    if not problem["request_id"] or problem["request_id"] != headers.get(b"x-request-id"):
        return "no request id"
    text = body.decode()
    told = [one for one in (*TOLD, *_values(scope)) if one in text]
    return f"it tells {told}" if told else None


def _values(scope: Any) -> Iterator[str]:
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    parts = unquote(scope["path"]).split("/")
    yield from (one for one in (*parts, *(value for _, value in pairs)) if len(one) >= LONG)


async def _watch(self: Guard, scope: Any, receive: Any, send: Any, plain: Any) -> None:
    heads: list[Any] = []
    parts: list[bytes] = []

    async def see(message: Any) -> None:
        if message["type"] == "http.response.start":
            heads.append(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
            if heads and heads[0]["status"] >= 400 and not message.get("more_body"):
                fault = find_fault(scope, heads[0], b"".join(parts))
                if fault:
                    FAULTS.append(f"{scope['method']} {scope['path'][:60]}: {fault}")
        await send(message)

    await plain(self, scope, receive, see)


@pytest.fixture(scope="session", autouse=True)
def watch_refusals() -> Iterator[None]:
    """Look at what every guard sends."""
    plain = Guard.__call__

    async def call(self: Guard, scope: Any, receive: Any, send: Any) -> None:
        await _watch(self, scope, receive, send, plain)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Guard, "__call__", call)
        yield


@pytest.fixture(autouse=True)
def every_refusal_is_a_problem(watch_refusals: None) -> Iterator[None]:
    """Fail the test in which a refusal was no problem."""
    FAULTS.clear()
    yield
    assert FAULTS == []
