"""An open-loop driver in a process of its own: requests leave on time, whatever comes back.

A driver that waits for answers before it asks again slows down with the server and hides how late
it is. This one counts an answer's time from the instant at which its request was due.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.protocol import ROOT

MOST_CONNECTIONS = 400


@dataclass(frozen=True)
class Load:
    """What is sent: requests in turns, at a rate, for a time."""

    port: int
    requests: Sequence[str]
    per_second: float
    seconds: float


@dataclass
class Answers:
    """What came back: per answer its status, seconds, and whether it said when to return."""

    status: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)
    failures: int = 0


def drive(*loads: Load) -> list[Answers]:
    """Run loads side by side, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    children = [subprocess.Popen(command, **pipes) for _ in loads]  # type: ignore[call-overload]
    for child, load in zip(children, loads, strict=True):
        child.stdin.write(json.dumps(asdict(load)))
        child.stdin.close()
    found = [Answers(**json.loads(child.stdout.read())) for child in children]
    for child in children:
        child.wait(30)
    return found


@dataclass
class Connections:
    """Kept-alive connections to one server, as a client keeps them."""

    port: int
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    open_count: int = 0

    async def take(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return one that the server has not closed meanwhile, or a new one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection[0].at_eof():
                return connection
            self.drop(connection)
        self.open_count += 1
        try:
            return await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            self.open_count -= 1
            raise

    def drop(self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Forget a connection."""
        connection[1].close()
        self.open_count -= 1


async def _run(load: Load) -> Answers:
    answers, line = Answers(), Connections(load.port)
    began, jobs = time.perf_counter() + 0.1, set[asyncio.Task[None]]()

    async def send(due: float, request: bytes) -> None:
        connection = None
        try:
            connection = await line.take()
            status, told, keep = await asyncio.wait_for(exchange(*connection, request), 30)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            answers.failures += 1
            if connection is not None:
                line.drop(connection)
            return
        answers.status.append(status)
        answers.seconds.append(time.perf_counter() - due)
        answers.told.append(told)
        if keep:
            line.idle.append(connection)
        else:
            line.drop(connection)

    for number in range(int(load.per_second * load.seconds)):
        due = began + number / load.per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if not line.idle and line.open_count >= MOST_CONNECTIONS:
            answers.failures += 1
            continue
        request = load.requests[number % len(load.requests)].encode()
        jobs.add(asyncio.create_task(send(due, request)))
    await asyncio.gather(*jobs)
    return answers


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bool, bool]:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, length = head.partition(b"content-length: ")
    await reader.readexactly(int(length.split(b"\r\n")[0] or 0))
    keep = b"connection: close" not in head
    return int(head.split(b" ", 2)[1]), b"retry-after: " in head, keep


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_run(Load(**json.load(sys.stdin)))))))
