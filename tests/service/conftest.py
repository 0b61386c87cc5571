"""A filled ledger, a key for it, and a client that speaks to the application without a socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from ledger.engine import Ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from lifecycle.periods import FiscalCalendar
from service.app import create_app
from service.deps import Options
from service.permissions import load_permissions
from tests.ledger.deal_story import fill_deals
from tests.ledger.story import address, fill, new_ledger
from tests.postgresql import database as database
from tests.postgresql import tmp_path_factory as tmp_path_factory
from tests.service.quarter import fill_quarter
from tests.service.refusals import every_refusal_is_a_problem as every_refusal_is_a_problem
from tests.service.refusals import watch_refusals as watch_refusals

HERE = Path(__file__).parent
ONCE = ("limits", "refresh", "scoring/test_generated_client", "scoring/test_keeper", "watching",
        "test_accuracy", "test_app", "test_auth", "test_cells", "test_cli_",
        "test_forecast_changes", "test_paging", "test_problems", "test_scenarios", "test_schema",
        "test_server", "test_strict_json", "test_webhook_address")  # fmt: skip
"""What asks nothing of a ledger that the others do not: on PostgreSQL with ``make soak`` alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the second run of what one run tells, unless the environment asks for all."""
    if "TRUECAST_TEST_ALL" in os.environ:
        return
    left_out = [one for one in items if "[postgresql" in one.name and _is_told_once(one)]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [one for one in items if one not in gone]


def _is_told_once(item: pytest.Item) -> bool:
    return item.path.is_relative_to(HERE) and str(item.path.relative_to(HERE)).startswith(ONCE)


@dataclass(frozen=True)
class Client:
    """Ask the application; every refusal must be a problem (checked on each answer)."""

    app: FastAPI
    key: str

    def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> httpx2.Response:
        given = {"authorization": f"Bearer {self.key}"} if headers is None else dict(headers)
        answer = asyncio.run(self._send(method, path, given))
        check_answer(answer)
        return answer

    def json(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def _send(self, method: str, path: str, headers: Mapping[str, str]) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, headers=headers)


def check_answer(answer: httpx2.Response) -> None:
    """What must hold for every answer of the service, whatever was asked."""
    assert answer.headers["x-content-type-options"] == "nosniff"
    kept = "etag" in answer.headers
    assert answer.headers["cache-control"] == ("private, no-cache" if kept else "no-store")
    assert "server" not in answer.headers
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["type"].startswith("urn:truecast:problem:")
    assert "Traceback" not in answer.text


def make_key(
    folder: Path, ledger: Ledger, scopes: tuple[str, ...] | None = None, **changed: Any
) -> str:
    """Make a key of the role reader, or of another, with all the role's scopes or some."""
    role = changed.pop("role", "reader")
    every = load_permissions().roles[role].scopes
    wanted = KeyRequest(role, every if scopes is None else scopes, **changed)
    return create_key(ledger, load_pepper(folder), wanted)[0]


def open_client(folder: Path, key: str) -> Client:
    return Client(create_app(address(folder), Options(folder, 30, FiscalCalendar(12))), key)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Ledger:
    made = new_ledger(folder)
    fill(made)
    fill_deals(made)
    fill_quarter(made)
    return made


@pytest.fixture(scope="module")
def client(folder: Path, ledger: Ledger) -> Client:
    return open_client(folder, make_key(folder, ledger))
