"""What is turned away at the door gets the answer it would have got, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.limits import Limits
from service import server
from service.admission import Admission
from service.app import create_app
from service.deps import Options
from service.door import Door
from service.limits import Weight
from service.observer import Observer
from service.tally import Tally
from tests.ledger.story import address
from tests.service.limits.probe import Probe

PLAIN = (
    b"GET /v1/at-risk?limit=5 HTTP/1.1\r\nHost: service\r\nConnection: keep-alive\r\n"
    b"X-Request-Id: mine-1\r\nAuthorization: Bearer x\r\n\r\n"
)
BUSY = Limits(running=1, waiting=0)


def full_door() -> tuple[Door, Admission, Tally]:
    admission, tally = Admission(BUSY), Tally()
    assert admission.try_enter()
    return Door(BUSY, admission, Observer(tally, lambda: b"")), admission, tally


def split(answer: bytes) -> tuple[bytes, dict[str, str], dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.decode().split(": ", 1) for line in lines)
    assert int(headers["content-length"]) == len(body)
    return first, headers, json.loads(body)


def test_the_answer_is_the_one_that_the_guard_gives() -> None:
    async def ask_twice() -> object:
        probe = Probe(running=1, waiting=0)
        answers = await probe.ask_all(["/v1/deals/O1?seconds=0.2", "/v1/deals/O1"])
        return next(one for one in answers if one.status_code == 503)

    door, _, tally = full_door()
    expected = asyncio.run(ask_twice())
    answer = door.refuse(PLAIN)
    assert answer is not None
    first, headers, problem = split(answer)
    assert first == b"HTTP/1.1 503 Service Unavailable"
    told = {**problem, "request_id": expected.json()["request_id"]}  # type: ignore[attr-defined]
    assert told == expected.json()  # type: ignore[attr-defined]
    assert problem["request_id"] == headers["x-request-id"] == "mine-1"
    left = {name for name in expected.headers if not name.startswith("ratelimit")}  # type: ignore[attr-defined]
    assert left <= set(headers)
    assert tally.refusals["busy"] == 1


def test_a_request_without_an_id_gets_one() -> None:
    door, _, _ = full_door()
    answer = door.refuse(PLAIN.replace(b"X-Request-Id: mine-1\r\n", b""))
    assert answer is not None
    assert len(split(answer)[1]["x-request-id"]) == 16


UNUSUAL = {
    "health": PLAIN.replace(b"/v1/at-risk?limit=5", b"/livez"),
    "a body": PLAIN.replace(b"Host", b"Content-Length: 5\r\nHost"),
    "chunks": PLAIN.replace(b"Host", b"transfer-encoding: chunked\r\nHost"),
    "another method": PLAIN.replace(b"GET", b"POST"),
    "an older version": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "the last one": PLAIN.replace(b"keep-alive", b"close"),
    "an upgrade": PLAIN.replace(b"keep-alive", b"keep-alive, upgrade"),
    "half a head": PLAIN[:-2],
    "two at once": PLAIN * 2,
    "some of the next": PLAIN + b"GET",
    "a long head": PLAIN.replace(b"Host", b"X-Long: " + b"a" * 5_000 + b"\r\nHost"),
    "letters beyond": PLAIN.replace(b"at-risk", "\u00e4".encode()),
    "nothing": b"",
}


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_is_not_plain_goes_the_usual_way(data: bytes) -> None:
    door, _, _ = full_door()
    assert door.refuse(PLAIN) is not None
    assert door.refuse(data) is None


def test_nobody_is_turned_away_while_there_is_a_place() -> None:
    door, admission, _ = full_door()
    admission.leave()
    assert door.refuse(PLAIN) is None


def test_who_would_take_a_waiting_place_is_let_in() -> None:
    async def check() -> None:
        limits = Limits(running=1, waiting=1, queue_ms=5_000)
        admission = Admission(limits)
        assert admission.try_enter()
        waits = asyncio.create_task(admission.enter(Weight.read))
        await asyncio.sleep(0)
        door = Door(limits, admission, Observer(Tally(), lambda: b""))
        assert door.refuse(PLAIN) is not None
        assert door.refuse(PLAIN.replace(b"at-risk", b"scores/churn")) is None
        admission.leave()
        await waits

    asyncio.run(check())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[int, Admission]]:
    """A real server with one place, and its places."""
    taken = server.bind_port("127.0.0.1", 0)
    app = create_app(address(tmp_path), Options(tmp_path, limits=BUSY))
    serving = server.build_server(app, BUSY)
    thread = threading.Thread(target=lambda: asyncio.run(serving.serve(sockets=[taken])))
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    yield int(taken.getsockname()[1]), app.state.admission
    serving.should_exit = True
    thread.join()
    taken.close()


def read_answer(client: socket.socket) -> dict[str, object]:
    """Read a problem to its end: head and body may come apart."""
    received = b""
    while not received.endswith(b"}"):
        received += client.recv(65_536)
    return split(received)[2]


def ask_one_by_one(port: int, admission: Admission) -> list[bool]:
    """Say who is refused of three over one connection; only the second finds no place."""
    found = []
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(5)
        for is_full in (False, True, False):
            while is_full and not admission.try_enter():
                time.sleep(0.001)  # the request before is answered before it leaves
            client.sendall(PLAIN)
            found.append(read_answer(client)["type"] == "urn:truecast:problem:busy")
            if is_full:
                admission.leave()
    return found


def test_a_connection_goes_on_after_a_refusal(running: tuple[int, Admission]) -> None:
    assert ask_one_by_one(*running) == [False, True, False]


def test_a_planted_door_that_is_always_shut_is_caught(
    running: tuple[int, Admission], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Admission, "is_full", lambda *_: True)
    with pytest.raises(AssertionError):
        assert ask_one_by_one(*running) == [False, True, False]
