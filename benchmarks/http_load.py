"""Real servers on loopback, and requests to them over kept-alive connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.protocol import ROOT, BenchmarkError

# the paces of a key would refuse what is measured; they are counted all the same
PACES = {
    "TRUECAST_LIMITS__READS_PER_SECOND": "1e6",
    "TRUECAST_LIMITS__LISTS_PER_SECOND": "1e6",
    "TRUECAST_LIMITS__WRITES_PER_SECOND": "1e6",
    "TRUECAST_LIMITS__REQUESTS_PER_KEY": "100000",
}


@dataclass(frozen=True)
class Load:
    """What one round found: answers per second over all connections, and each answer's seconds."""

    rate: float
    seconds: tuple[float, ...]

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the answers' times, in milliseconds."""
        return float(np.quantile(self.seconds, 0.99)) * 1e3


def load(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Send requests in turn, as fast as they are answered.

    Raises
    ------
    BenchmarkError
        An answer is not a 200.
    """
    return asyncio.run(_load(port, requests, connections, seconds))


async def _load(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    began = time.perf_counter()
    end = began + seconds
    jobs = [_connection(port, requests, offset, end) for offset in range(connections)]
    found = [one for times in await asyncio.gather(*jobs) for one in times]
    return Load(len(found) / (time.perf_counter() - began), tuple(found))


async def _connection(port: int, requests: Sequence[bytes], offset: int, end: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times: list[float] = []
    while (now := time.perf_counter()) < end:
        writer.write(requests[(offset * 617 + len(times)) % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise BenchmarkError(f"found {head[:60]!r}; expected 200")
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        times.append(time.perf_counter() - now)
    writer.close()
    return times


def get(path: str, key: str) -> bytes:
    """Return a reading request."""
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}", "", "")
    return "\r\n".join(lines).encode()


def post(path: str, body: bytes, key: str = "") -> bytes:
    """Return a request with a body of JSON."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}"] if key else []
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def exchange(port: int, request: bytes, status: int = 200) -> bytes:
    """Send one request on a connection of its own and return the body of a 200, or as expected.

    Raises
    ------
    BenchmarkError
        Another status came back.
    """
    closing = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    with socket.create_connection(("127.0.0.1", port), 30) as one:
        one.sendall(closing)
        received = b""
        while part := one.recv(65_536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 %d" % status):
        raise BenchmarkError(f"found {head[:40]!r} {body[:200]!r}; expected {status}")
    return body


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def server(
    arguments: Sequence[str],
    port: int,
    extra: Mapping[str, str] | None = None,
    *,
    patience: float = 60,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server of Python until the block ends; it must take connections within ``patience`` s.

    Raises
    ------
    BenchmarkError
        It did not.
    """
    with running(arguments, extra) as child:
        end = time.monotonic() + patience
        while not _takes_connections(port):
            if child.poll() is not None or time.monotonic() > end:
                raise BenchmarkError(f"{' '.join(arguments[:3])} did not start")
            time.sleep(0.1)
        yield child


@contextlib.contextmanager
def running(
    arguments: Sequence[str], extra: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python until the block ends, then end it and what it has started."""
    # a server may start another by its name
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    given = {**os.environ, "PATH": path, **(extra or {})}
    quiet = subprocess.DEVNULL  # a line a request is written as in service, and read by nobody
    child = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=given, stdout=quiet, stderr=quiet
    )
    try:
        yield child
    finally:
        below = psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
        for one in (child, *below):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.terminate()
        child.wait(60)


def _takes_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
