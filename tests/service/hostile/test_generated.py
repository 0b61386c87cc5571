"""Cases generated from the published document, with each role's key: many, run by ``make soak``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from ledger.engine import Ledger
from service.permissions import load_permissions
from tests.service.conftest import Client, check_answer, make_key, open_client
from tests.service.test_schema import _operation, _send

ROLES = sorted(load_permissions().roles)
CASES = 2_000


def _ids(client: Client) -> list[str]:
    paths = client.app.openapi()["paths"].values()
    return [operation["operationId"] for path in paths for operation in path.values()]


def _check(client: Client, operation_id: str, cases: int) -> None:
    mode = GenerationMode.POSITIVE  # wrong cases have a test of their own, for one role
    strategy = _operation(client, operation_id).as_strategy(generation_mode=mode)

    @settings(max_examples=cases)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        answer = asyncio.run(_send(client, data.draw(strategy)))
        check_answer(answer)
        assert answer.status_code < 500, answer.text

    check()


@pytest.mark.parametrize("role", ROLES)
def test_no_generated_case_fails_whatever_the_role(folder: Path, ledger: Ledger, role: str) -> None:
    client = open_client(folder, make_key(folder, ledger, role=role))
    for operation_id in _ids(client):
        _check(client, operation_id, 2)


@pytest.mark.bench
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("role", ROLES)
def test_no_case_of_thousands_fails_whatever_the_role(
    folder: Path, ledger: Ledger, role: str
) -> None:
    client = open_client(folder, make_key(folder, ledger, role=role))
    for operation_id in _ids(client):
        _check(client, operation_id, CASES // len(_ids(client)))
