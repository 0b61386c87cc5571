"""The hostile corpus over every route of the published document: no failure, and no echo."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest

from service import json_rules
from service.permissions import load_permissions
from tests.service.conftest import Client, check_answer, make_key, open_client
from tests.service.hostile.corpus import BODIES, HEADERS, METHODS, TEXTS

JSON = {"content-type": "application/json", "idempotency-key": "hostile"}


@pytest.fixture(scope="module")
def everything(folder: Any, ledger: Any) -> Client:
    """A client whose key may do all that the widest role may, and more than one role may."""
    scopes = tuple(load_permissions().scopes)
    roles = load_permissions().roles
    widest = max(roles, key=lambda name: (not roles[name].book, len(roles[name].scopes)))
    kept = tuple(scope for scope in scopes if scope in roles[widest].scopes)
    return open_client(folder, make_key(folder, ledger, kept, role=widest))


def _operations(client: Client) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in client.app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _fill(path: str, operation: Mapping[str, Any], text: str = "A01") -> str:
    for one in operation.get("parameters", []):
        path = path.replace("{" + one["name"] + "}", text or "%20")
    return path


async def _ask(client: Client, method: str, path: str, **given: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {client.key}", **given.pop("headers", {})}
    transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as sender:
        return await sender.request(method, path, headers=headers, **given)


def _check(answer: httpx2.Response, case: object) -> None:
    assert answer.status_code < 500, (case, answer.text)
    assert "canary" not in answer.text, case
    assert "Traceback" not in answer.text, case
    if answer.request.method != "HEAD" and answer.status_code >= 400:
        check_answer(answer)


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert sum(name.startswith("F") for name in BODIES) == 8
    assert len(BODIES) - 8 >= 39
    assert min(len(TEXTS), len(HEADERS)) >= 20


def test_no_body_makes_any_route_fail(everything: Client) -> None:
    async def check() -> None:
        for method, path, operation in _operations(everything):
            for name, body in BODIES.items():
                asked = _fill(path, operation)
                answer = await _ask(everything, method, asked, content=body, headers=JSON)
                _check(answer, (method, path, name))

    asyncio.run(check())


def test_no_text_makes_any_parameter_fail(everything: Client) -> None:
    async def check() -> None:
        for method, path, operation in _operations(everything):
            for one, text in itertools.product(operation.get("parameters", []), TEXTS):
                asked = _fill(path, operation, text if one["in"] == "path" else "A01")
                query = f"?{one['name']}={text}" if one["in"] == "query" else ""
                answer = await _ask(everything, method, asked + query)
                _check(answer, (method, path, one["name"], text[:40]))

    asyncio.run(check())


def test_no_header_makes_any_route_fail(everything: Client) -> None:
    async def check() -> None:
        for method, path, operation in _operations(everything):
            for headers in HEADERS:
                answer = await _ask(everything, method, _fill(path, operation), headers=headers)
                _check(answer, (method, path, headers))

    asyncio.run(check())


def test_no_method_makes_any_path_fail(everything: Client) -> None:
    async def check() -> None:
        for path in everything.app.openapi()["paths"]:
            for method in METHODS:
                _check(await _ask(everything, method, path), (method, path))

    asyncio.run(check())


def test_the_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that lets everything through is seen by the eight bodies."""
    monkeypatch.setattr(json_rules, "_parse_carefully", lambda text: {})
    monkeypatch.setattr(json_rules, "_is_plain", lambda data: False)
    assert all(json_rules.parse_strict(BODIES[name]) == {} for name in list(BODIES)[:8])
