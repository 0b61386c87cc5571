"""A key from its making to its end, and what becomes of guesses."""

from __future__ import annotations

import ast
import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ledger.audit import read_audit
from ledger.engine import Ledger
from ledger.keys import (
    KeyRequest,
    create_key,
    find_key_id,
    load_pepper,
    read_key,
    revoke_key,
    rotate_key,
)
from lifecycle.errors import UsageError
from service import callers, denials
from service.callers import is_within
from service.denials import Failures
from tests.ledger.story import new_ledger
from tests.service.access.story import TESTER
from tests.service.conftest import Client, check_answer, make_key, open_client


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def _from(client: Client, address: str, key: str, path: str = "/v1/models") -> httpx2.Response:
    """Ask from a network address."""
    import asyncio

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(client.app, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as web:
            return await web.get(path, headers={"authorization": f"Bearer {key}"})

    answer = asyncio.run(ask())
    check_answer(answer)
    return answer


def test_two_processes_follow_a_key_through_its_life(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_key(tmp_path, ledger)
    workers = [open_client(tmp_path, first) for _ in range(2)]
    assert [one.get("/v1/models").status_code for one in workers] == [200, 200]
    second, _ = rotate_key(ledger, load_pepper(tmp_path), str(find_key_id(first)), by=TESTER)
    given = {"authorization": f"Bearer {second}"}
    assert [one.get("/v1/models", headers=given).status_code for one in workers] == [200, 200]
    revoke_key(ledger, str(find_key_id(first)), by=TESTER)
    assert callers.CACHE_SECONDS <= 5
    monkeypatch.setattr(callers, "CACHE_SECONDS", 0.0)
    assert [one.get("/v1/models").status_code for one in workers] == [401, 401]
    assert [one.get("/v1/models", headers=given).status_code for one in workers] == [200, 200]
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    secrets = [key.split("_", 3)[3].rsplit("_", 1)[0] for key in (first, second)]
    assert not any(secret.encode() in kept for secret in secrets)


def test_the_planted_fault_is_caught(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_client(tmp_path, make_key(tmp_path, ledger))
    assert client.get("/v1/models").status_code == 200
    revoke_key(ledger, str(find_key_id(client.key)))
    monkeypatch.setattr(callers, "CACHE_SECONDS", 3_600.0)
    assert client.get("/v1/models").status_code == 200  # what a longer cache would do


def test_at_most_two_keys_of_a_line_live(tmp_path: Path, ledger: Ledger) -> None:
    pepper, wanted = load_pepper(tmp_path), KeyRequest("crm", ["scores:read"], cidrs=["10.0.0.0/8"])
    _, first = create_key(ledger, pepper, wanted)
    _, second = rotate_key(ledger, pepper, first.key_id, by=TESTER)
    assert (second.role, second.scopes, second.cidrs) == (first.role, first.scopes, first.cidrs)
    with pytest.raises(UsageError, match="rotated before"):
        rotate_key(ledger, pepper, first.key_id, by=TESTER)
    revoke_key(ledger, first.key_id, by=TESTER)
    with pytest.raises(UsageError, match="no living key"):
        rotate_key(ledger, pepper, first.key_id, by=TESTER)


def test_a_key_is_let_in_from_its_networks_only(tmp_path: Path, ledger: Ledger) -> None:
    key = make_key(tmp_path, ledger, cidrs=("10.0.0.0/8", "2001:db8::/32"))
    client = open_client(tmp_path, key)
    places = {"10.9.8.7": 200, "2001:db8::7": 200, "11.0.0.1": 401, "10.9.8.8": 200}
    found = {place: _from(client, place, key).status_code for place in places}
    assert found == places
    assert not is_within("nowhere", ("10.0.0.0/8",))
    with pytest.raises(UsageError, match="network"):
        make_key(tmp_path, ledger, cidrs=("everywhere",))


def test_its_last_use_is_noted_once_an_hour(tmp_path: Path, ledger: Ledger) -> None:
    key = make_key(tmp_path, ledger)
    key_id, before = str(find_key_id(key)), datetime.now(UTC)
    client = open_client(tmp_path, key)
    client.get("/v1/models")
    first = read_key(ledger, key_id)
    assert first is not None
    assert first.last_used_at is not None
    assert first.last_used_at >= before
    client.app.state.keys._found.clear()
    client.get("/v1/models")
    assert read_key(ledger, key_id) == first


def _guess(client: Client, count: int, address: str = "10.0.0.9") -> list[int]:
    return [_from(client, address, f"guess{i}").status_code for i in range(count)]


def _check_guessing(tmp_path: Path, ledger: Ledger) -> None:
    key = make_key(tmp_path, ledger)
    client = open_client(tmp_path, key)
    assert _guess(client, 12) == [401] * 10 + [429] * 2
    assert _from(client, "10.0.0.8", key).status_code == 200
    refused = _from(client, "10.0.0.9", "guess")
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def test_after_ten_wrong_keys_an_address_waits_and_no_other(tmp_path: Path, ledger: Ledger) -> None:
    _check_guessing(tmp_path, ledger)


def test_guessing_without_a_limit_is_caught(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "MOST_FAILURES", 10**6)
    with pytest.raises(AssertionError):
        _check_guessing(tmp_path, ledger)


def test_a_key_in_use_goes_on_where_others_of_its_address_guess(
    tmp_path: Path, ledger: Ledger
) -> None:
    key, late = make_key(tmp_path, ledger), make_key(tmp_path, ledger)
    client = open_client(tmp_path, key)
    assert _from(client, "10.0.0.9", key).status_code == 200
    _guess(client, 11)
    assert _from(client, "10.0.0.9", key).status_code == 200
    assert _from(client, "10.0.0.9", late).status_code == 429


def test_a_thousand_guesses_cost_bounded_memory_and_few_rows(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "ADDRESS_COUNT", 5)
    client = open_client(tmp_path, make_key(tmp_path, ledger))
    before = len(list(read_audit(ledger)))
    for number in range(30):
        _guess(client, 2, f"10.0.1.{number}")
    client.app.state.denials.flush()
    rows = list(read_audit(ledger))[before:]
    assert [(row.principal, row.outcome, row.times) for row in rows] == [("unknown", "denied", 60)]
    assert len(client.app.state.failures._seen) == 5


def test_an_hour_of_ipv6_addresses_is_one_place() -> None:
    failures = Failures()
    for number in range(10):
        failures.note(f"2001:db8:1:2::{number:x}")
    assert failures.wait("2001:db8:1:2:ffff::1") > 0
    assert failures.wait("2001:db8:1:3::1") == 0


def test_secrets_are_compared_in_constant_time() -> None:
    tree = ast.parse(inspect.getsource(callers._read_key))
    calls = [ast.unparse(one.func) for one in ast.walk(tree) if isinstance(one, ast.Call)]
    assert "hmac.compare_digest" in calls
    compared: list[Any] = [one for one in ast.walk(tree) if isinstance(one, ast.Compare)]
    assert all(isinstance(one.ops[0], ast.Is) for one in compared)
