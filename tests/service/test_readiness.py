"""``/readyz`` is asked by anybody: it costs one look a second, and tells nothing of the inside."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from ledger.engine import Ledger
from lifecycle.errors import LedgerError
from service import health
from service.app import create_app
from service.deps import Options, Service
from service.health import Readiness, Ready, find_faults
from service.scoring.keeper import Keeper
from tests.ledger.story import address, new_ledger
from tests.service.conftest import Client, make_key

DETAIL = "ledger.sqlite at /srv/data, of version 7, on db.example"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the ledger was looked at."""
    seen: list[float] = []

    def look(service: Service) -> dict[str, str]:
        seen.append(time.monotonic())
        time.sleep(0.05)
        return {"words": DETAIL}

    monkeypatch.setattr(health, "find_reasons", look)
    return seen


@pytest.fixture
def readiness(tmp_path: Path) -> Readiness:
    service = Service("sqlite:///nowhere.sqlite", Options(tmp_path))
    return Readiness(service, Keeper(tmp_path, lambda: service.ledger))


def test_whoever_asks_at_the_same_time_shares_one_look(
    readiness: Readiness, looks: list[float]
) -> None:
    async def check() -> None:
        found = await asyncio.gather(*[readiness.read() for _ in range(300)])
        assert found == [["words"]] * 300
        assert await readiness.read() == ["words"]

    asyncio.run(check())
    assert len(looks) == 1


def test_after_a_second_there_is_another_look(
    readiness: Readiness, looks: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert health.KEPT_SECONDS == 1.0
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.1)

    async def check() -> None:
        for _ in range(3):
            await readiness.read()
            await asyncio.sleep(0.11)

    asyncio.run(check())
    assert len(looks) == 3


def test_whoever_leaves_takes_the_answer_from_nobody(
    readiness: Readiness, looks: list[float]
) -> None:
    async def check() -> None:
        first = asyncio.create_task(readiness.read())
        second = asyncio.create_task(readiness.read())
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second == ["words"]

    asyncio.run(check())
    assert len(looks) == 1


def test_the_reasons_go_to_the_log_once_and_to_nobody_else(
    readiness: Readiness,
    looks: list[float],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    caplog.set_level(logging.WARNING, "truecast.process")

    async def check() -> None:
        for _ in range(2):
            assert await readiness.read() == ["words"]

    asyncio.run(check())
    told = [one.told for one in caplog.records if one.message == "not_ready"]  # type: ignore[attr-defined]
    assert told == [{"event": "not_ready", "why": DETAIL}]


@pytest.mark.parametrize("probe", ["ledger", "pepper", "read", "late"])
def test_no_reason_tells_what_was_found(
    tmp_path: Path, probe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise LedgerError(DETAIL, DETAIL, DETAIL)

    make_key(tmp_path, new_ledger(tmp_path))
    app = create_app(address(tmp_path), Options(tmp_path))
    if probe in {"ledger", "pepper"}:
        monkeypatch.setattr(Service, probe, property(fail))
    elif probe == "read":
        monkeypatch.setattr(health, "read_current_run", fail)
    else:
        monkeypatch.setattr(health, "find_faults", fail)
    answer = Client(app, "none").get("/readyz", headers={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    (reason,) = answer.json()["reasons"]
    assert "truecast doctor" in reason
    for word in ("sqlite", "/srv", "version 7", "example"):
        assert word not in answer.text


def test_a_refused_bundle_is_named_without_the_reason(tmp_path: Path, ledger: Ledger) -> None:
    service = Service("sqlite:///nowhere.sqlite", Options(tmp_path))
    service._ledger = ledger
    keeper = Keeper(tmp_path, lambda: ledger)
    keeper._troubles = {("churn", "non_contractual", 90): f"no bundle: {DETAIL}"}
    (found, *_) = find_faults(service, keeper)
    assert found == "a released bundle does not speak: churn (non_contractual, 90 days)"


def test_a_ready_service_says_so_as_before(client: Client) -> None:
    assert Ready.model_validate(client.json("/readyz")).ready
