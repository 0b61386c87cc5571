"""Results on their way out: they hold neither a place nor the usual deadline, but not for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.engine import Ledger
from ledger.job_claims import claim
from ledger.job_results import write_result
from ledger.jobs import enqueue, finish
from lifecycle.limits import NO_PACE, Limits
from service import guard, server
from service.admission import Admission
from service.app import create_app
from service.deps import Options
from service.guard import Guard
from service.limits import find_policy
from tests.ledger.story import address, new_ledger
from tests.service.conftest import make_key

RESULT = "/v1/jobs/17/result"


class Sender:
    """An application that begins its answer and ends it when a test says so, behind the guard."""

    def __init__(self, *, before: float = 0.0, **limits: Any) -> None:
        self.limits = Limits(**{**NO_PACE.model_dump(), "waiting": 0, **limits})
        self.admission = Admission(self.limits)
        self.guard = Guard(self._answer, self.limits, self.admission)
        self.before, self.end = before, asyncio.Event()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(self.before)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == RESULT:
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await asyncio.wait_for(self.end.wait(), 10)
        await send({"type": "http.response.body", "body": b"b"})

    async def ask(self, path: str = RESULT, key: str = "a", **told: Any) -> tuple[int, bytes]:
        """Send one request; its status and its body."""
        got: list[Any] = []

        async def send(message: Any) -> None:
            got.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"authorization", f"Bearer {key}".encode())],
            **told,
        }
        await self.guard(scope, receive, send)
        return got[0]["status"], b"".join(one.get("body", b"") for one in got)


def test_a_result_holds_its_place_and_its_deadline_only_until_it_begins() -> None:
    async def check() -> None:
        sender = Sender(running=1, request_seconds=0.05)
        slow = asyncio.create_task(sender.ask())
        await asyncio.sleep(0.2)
        assert sender.admission.running == 0
        assert (await sender.ask("/v1/deals/O1"))[0] == 200
        sender.end.set()
        assert await slow == (200, b"ab")
        assert sender.admission.running == 0

    asyncio.run(check())


def test_a_result_that_does_not_begin_is_given_up_as_any_answer() -> None:
    async def check() -> None:
        sender = Sender(before=1.0, running=1, request_seconds=0.05)
        status, body = await sender.ask()
        assert (status, b"deadline" in body) == (503, True)
        assert sender.admission.running == 0

    asyncio.run(check())


def test_where_no_place_is_free_a_result_waits_like_others() -> None:
    async def check() -> None:
        sender = Sender(running=1)
        assert sender.admission.try_enter()
        assert (await sender.ask())[0] == 503
        assert sender.admission.running == 1

    asyncio.run(check())


def test_a_key_fetches_two_results_at_once() -> None:
    async def check() -> None:
        sender = Sender()
        slow = [asyncio.create_task(sender.ask()) for _ in range(2)]
        await asyncio.sleep(0.05)
        status, body = await sender.ask()
        assert (status, b"too-many-at-once" in body, b"2 results" in body) == (429, True, True)
        other = asyncio.create_task(sender.ask(key="b"))
        await asyncio.sleep(0.05)
        assert (await sender.ask("/v1/deals/O1"))[0] == 200
        sender.end.set()
        assert [one[0] for one in await asyncio.gather(*slow, other)] == [200] * 3
        assert (await sender.ask())[0] == 200

    asyncio.run(check())


def test_whoever_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "DOWNLOAD_SECONDS", 0.05)
    aborted: list[bool] = []

    async def check() -> None:
        sender = Sender()
        assert await sender.ask(truecast_abort=lambda: aborted.append(True)) == (200, b"a")
        assert aborted == [True]
        with pytest.raises(TimeoutError):  # a server that offers no abort must be told
            await sender.ask()
        assert sender.admission.running == 0
        sender.end.set()
        assert (await sender.ask())[0] == 200

    asyncio.run(check())


def test_only_results_are_sent_so() -> None:
    assert find_policy("GET", RESULT).download
    assert not find_policy("GET", "/v1/jobs/17").download


def _write_result(ledger: Ledger, by: str, megabytes: int) -> int:
    with ledger.writing() as connection:
        job_id = enqueue(connection, "export_at_risk", {"role": "reader"}, by=by)
        found = claim(connection, "w", ("export_at_risk",), now=datetime.now(UTC))
    assert found is not None
    content = [b"x" * 1_000_000] * megabytes
    result = write_result(ledger, found[1], content, media="text/csv")
    with ledger.writing() as connection:
        finish(connection, found[1], result=result)
    return job_id


@contextlib.contextmanager
def _serve(app: Any) -> Iterator[tuple[int, Any]]:
    taken = server.bind_port("127.0.0.1", 0)
    running = server.build_server(app)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[taken])))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield int(taken.getsockname()[1]), running
    finally:
        running.force_exit = running.should_exit = True
        thread.join()
        taken.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_reader_that_reads_nothing_loses_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "DOWNLOAD_SECONDS", 0.5)
    ledger = new_ledger(tmp_path)
    key = make_key(tmp_path, ledger)
    job_id = _write_result(ledger, "key:" + key.split("_")[2], 20)
    app = create_app(address(tmp_path), Options(tmp_path))
    asked = f"GET /v1/jobs/{job_id}/result HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
    with _serve(app) as (port, running), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.connect(("127.0.0.1", port))
        client.sendall(f"{asked}\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        until = time.monotonic() + 5
        while running.server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not running.server_state.connections
        assert app.state.admission.running == 0
