"""A ledger with scores, feature rows and bundles, and a client that posts questions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ledger.engine import Ledger
from tests.ledger.story import new_ledger
from tests.service.conftest import Client, check_answer, make_key, open_client
from tests.service.scoring.company import fill_company, fill_deals


def post(
    client: Client, path: str, body: object, headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """Send JSON with the client's key; every refusal must be a problem."""

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, raise_app_exceptions=False)
        given = {"authorization": f"Bearer {client.key}", **(headers or {})}
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as web:
            return await web.post(path, json=body, headers=given)

    answer = asyncio.run(send())
    check_answer(answer)
    return answer


def ask(client: Client, body: object, model: str = "churn") -> list[dict[str, Any]]:
    """The scores of a question that must be answered."""
    answer = post(client, f"/v1/scores/{model}", body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["scores"]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Ledger:
    made = new_ledger(folder)
    fill_company(made, folder)
    fill_deals(made, folder)
    return made


@pytest.fixture(scope="module")
def client(folder: Path, ledger: Ledger) -> Client:
    made = open_client(folder, make_key(folder, ledger))
    made.app.state.scorer.keeper.look()  # as the server does when it starts
    return made
