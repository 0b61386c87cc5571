"""A stop that loses nobody: a real server in a process of its own, requests in flight, a signal."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

_SERVER = """
import sys, time
from pathlib import Path
from fastapi import APIRouter, FastAPI
from lifecycle.limits import NO_PACE
from service import health
from service.app import create_app
from service.auth import PUBLIC, ScopedRoute, needs
from service.deps import Options
from service.server import bind_port, build_server

drain, shutdown = float(sys.argv[2]), int(sys.argv[3])
given = {"running": 20, "drain_seconds": drain, "shutdown_seconds": shutdown}
limits = NO_PACE.model_copy(update=given)
app = create_app("sqlite:///nowhere.sqlite", Options(Path(sys.argv[1]), limits=limits))

def slow(): time.sleep(2.0); return {"done": True}

app.router.add_api_route("/v1/deals/{x}", slow, methods=["GET"])
app.router.routes.insert(0, app.router.routes.pop())
with bind_port("127.0.0.1", 0) as taken:
    print(taken.getsockname()[1], flush=True)
    build_server(app, limits).run(sockets=[taken])
"""


@contextlib.contextmanager
def _server(
    folder: Path, drain: float, shutdown: int
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", _SERVER, str(folder), str(drain), str(shutdown)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        while b"alive" not in _ask(port, "/livez"):
            time.sleep(0.05)
        yield child, port
    finally:
        child.kill()
        child.wait(10)
        child.stdout.close()


def _ask(port: int, path: str) -> bytes:
    request = f"GET {path} HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n".encode()
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as one:
        one.sendall(request)
        while part := one.recv(65_536):
            received += part
    return received


def _stop_with_requests(child: subprocess.Popen[str], port: int) -> tuple[list[bytes], bytes]:
    with ThreadPoolExecutor(20) as pool:
        running = [pool.submit(_ask, port, f"/v1/deals/{one}") for one in range(20)]
        time.sleep(0.7)
        child.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        ready = _ask(port, "/readyz")
        return [one.result() for one in running], ready


def test_twenty_requests_in_flight_are_finished_after_readiness_went_down(tmp_path: Path) -> None:
    with _server(tmp_path, 1.0, 10) as (child, port):
        answers, ready = _stop_with_requests(child, port)
        assert b" 503 " in ready.partition(b"\r\n")[0]
        assert b"stopping" in ready
        assert sum(b'{"done":true}' in one for one in answers) == 20
        assert child.wait(12) in {0, -signal.SIGTERM}


def test_the_planted_fault_of_too_little_patience_is_caught(tmp_path: Path) -> None:
    """A server that gives its requests no time cuts some off, and this test's way sees it."""
    with _server(tmp_path, 0.0, 0) as (child, port):
        answers, _ = _stop_with_requests(child, port)
        assert sum(b'{"done":true}' in one for one in answers) < 20


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with _server(tmp_path, 30.0, 30) as (child, _):
        for _ in range(2):
            child.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        assert child.wait(5) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("more", [0, 1])
def test_one_connection_too_many_is_told_when_to_return(tmp_path: Path, more: int) -> None:
    code = _SERVER.replace('"running": 20', '"running": 20, "connections": 3')
    command = [sys.executable, "-c", code, str(tmp_path), "0", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        with contextlib.ExitStack() as held:
            for _ in range(2 + more):
                held.enter_context(socket.create_connection(("127.0.0.1", port)))
            time.sleep(1.0)
            answer = _ask(port, "/livez")
        child.kill()
    assert (b"retry-after: 1" in answer) == bool(more)
    assert (b"alive" in answer) != bool(more)
