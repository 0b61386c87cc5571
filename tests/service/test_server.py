from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.errors import TruecastError
from service import server
from service.app import create_app
from service.deps import Options
from tests.ledger.story import address

REQUEST = b"GET /livez HTTP/1.1\r\nHost: service\r\n\r\n"


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A real server whose clients have half a second for their headers."""
    monkeypatch.setattr(server.GuardedProtocol, "header_seconds", 0.5)
    taken = server.bind_port("127.0.0.1", 0)
    running = server.build_server(create_app(address(tmp_path), Options(tmp_path)))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[taken])))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield int(taken.getsockname()[1])
    running.should_exit = True
    thread.join()
    taken.close()


def _read_to_the_end(client: socket.socket) -> bytes:
    client.settimeout(5)
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65_536):
            received += part
    return received


def test_a_connection_that_sends_nothing_is_closed(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert _read_to_the_end(client) == b""


def test_a_half_open_second_request_is_closed_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(REQUEST)
        time.sleep(0.2)
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: ser")  # ends the idle time-out
        began = time.monotonic()
        assert _read_to_the_end(client).count(b"HTTP/1.1 200") == 1
        assert time.monotonic() - began < 3


def test_a_connection_in_use_is_kept_longer_than_the_deadline(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(5)
        for _ in range(4):
            client.sendall(REQUEST)
            received = b""
            while b"alive" not in received:
                received += client.recv(65_536) or b"closed, not alive"
            assert b"200 OK" in received
            time.sleep(0.25)


def test_the_server_does_not_announce_itself(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"uvicorn" not in _read_to_the_end(client).lower()


def test_giant_headers_are_refused(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nX-A: " + b"a" * 40_000)
        assert b"400" in _read_to_the_end(client).partition(b"\r\n")[0]


def test_a_port_in_use_is_one_clear_error() -> None:
    with server.bind_port("127.0.0.1", 0) as taken:
        used = taken.getsockname()[1]
        with pytest.raises(TruecastError, match=f"port {used} on 127.0.0.1 is in use") as caught:
            server.bind_port("127.0.0.1", used)
    assert caught.value.exit_code == 5


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with server.bind_port("127.0.0.1", 0) as taken:
        assert taken.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on such only


@pytest.mark.parametrize("host", ["256.1.1.1", "192.0.2.1"])
def test_an_address_of_another_machine_is_one_clear_error(host: str) -> None:
    with pytest.raises(TruecastError, match="cannot be used"):
        server.bind_port(host, 0)
