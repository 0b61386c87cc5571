"""Ten minutes at half load, with swaps of the model and pushes of rows: memory, files and errors.

`truecast serve` is asked for stored scores and for scores of rows with features at half of what it
can answer, from a process of its own; a worker takes what is pushed to the lake. The slope of the
server's resident memory leaves out the first fifth of the time.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.http_load import PACES, exchange, free_port, get, post, running, server
from benchmarks.load import Answers, Load, drive
from benchmarks.overload import find_capacity, find_p99
from benchmarks.protocol import BenchmarkError, Result
from benchmarks.serve_one import questions
from benchmarks.served_model import Served, add_second, build_served
from ledger.engine import open_ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from ledger.releases import promote_release

NAME = "soak"
MEASURES = ("truecast.py", "service/app.py", "service/cli_web.py", "lifecycle/settings.py")
SECONDS = float(os.environ.get("TRUECAST_BENCH_SOAK_SECONDS", "600"))
WATCH_SECONDS = 1.0
UNREST_SECONDS = 20.0
RETRY_SECONDS = 1.0
PUSHED_ROWS = 100


class Watch(threading.Thread):
    """Look at a server's memory, open files and threads every second."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.process = next(one for one in psutil.Process().children() if _listens(one, port))
        self.seen: list[tuple[float, float, int, int]] = []
        self.over = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        while not self.over.wait(WATCH_SECONDS):
            mib = self.process.memory_info().rss / 2**20
            held = self.process.num_fds(), self.process.num_threads()
            self.seen.append((time.monotonic() - began, mib, *held))


class Unrest(threading.Thread):
    """Push rows and let another release speak, again and again, until it is over."""

    def __init__(self, port: int, key: str, served: Served) -> None:
        super().__init__(daemon=True)
        self.port, self.key, self.served = port, key, served
        self.over, self.pushes, self.swaps = threading.Event(), 0, 0
        self.refused = 0

    def run(self) -> None:
        releases = add_second(self.served)
        ledger = open_ledger(f"sqlite:///{self.served.data_dir / 'ledger.sqlite'}")
        while not self.over.wait(UNREST_SECONDS):
            with ledger.writing() as connection:
                promote_release(connection, releases[self.swaps % 2], reason="the soak")
            self.swaps += 1
            self._push()
            self.pushes += 1
        ledger.close()

    def _push(self) -> None:
        names = [f"P{self.pushes:04d}-{place:03d}" for place in range(PUSHED_ROWS)]
        body = json.dumps({"rows": [{"account_id": name} for name in names]}).encode()
        request = post("/v1/ingest/accounts", body, self.key).decode()
        named = f"\r\nIdempotency-Key: soak-{self.pushes}\r\n\r\n"
        asked = request.replace("\r\n\r\n", named, 1).encode()
        while not self.over.is_set():
            try:
                exchange(self.port, asked, status=202)
                return
            except BenchmarkError:  # refused while it had too much to do: ask again, as told
                self.refused += 1
                self.over.wait(RETRY_SECONDS)


def run() -> Result:
    """Load the server for ten minutes, with swaps, pushes and a worker, and watch it."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        served, port = build_served(Path(folder)), free_port()
        unrest = Unrest(port, _key_to_push(served), served)
        place = ["--data-dir", str(served.data_dir)]
        serve = ["-m", "truecast", "serve", *place, "--port", str(port)]
        stack.enter_context(server(serve, port, PACES))
        stack.enter_context(running(["-m", "truecast", "worker", *place], PACES))
        requests = [one.decode() for one in questions(served, 0)]
        requests += [
            get(f"/v1/scores/churn?id=A{at:05d}", served.key).decode() for at in range(200)
        ]
        asyncio.run(find_capacity(port, requests, 1.0))  # warms it up
        capacity = asyncio.run(find_capacity(port, requests, 5.0))
        watch = Watch(port)
        for thread in (watch, unrest):
            thread.start()
        (answers,) = drive(Load(port, requests, capacity / 2, SECONDS))
        for thread in (watch, unrest):
            thread.over.set()
            thread.join()
    return _conclude(answers, watch, unrest, capacity)


def _conclude(answers: Answers, watch: Watch, unrest: Unrest, capacity: float) -> Result:
    late = watch.seen[len(watch.seen) // 5 :]
    if len(late) < 10 or min(unrest.pushes, unrest.swaps) < SECONDS / UNREST_SECONDS / 2:
        found = f"{len(late)} looks, {unrest.pushes} pushes, {unrest.swaps} swaps"
        raise BenchmarkError(f"{found}; expected them to go on to the end")
    slope, _ = statistics.linear_regression([one[0] / 60 for one in late], [one[1] for one in late])
    others = Counter(status for status in answers.status if status != 200)
    wrong = others.total() + answers.failures
    asked = len(answers.status) + answers.failures
    return Result(
        figures={
            "rss_mib_per_min": slope,
            "error_share": wrong / asked,
            "p99_ms": 1_000 * find_p99(answers.seconds),
            "rss_mib": late[-1][1],
        },
        n=asked,
        note=f"{SECONDS:g} s at {capacity / 2:.0f} requests a second, stored scores and rows with "
        f"features; {unrest.swaps} swaps, {unrest.pushes} pushes of {PUSHED_ROWS} rows "
        f"(asked again {unrest.refused} times), a worker; "
        f"open files {min(one[2] for one in late)} to {max(one[2] for one in late)}, threads "
        f"{min(one[3] for one in late)} to {max(one[3] for one in late)}; "
        f"other answers than 200: {dict(others) or 'none'}, none at all {answers.failures} times; "
        "the machine was shared.",
    )


def _key_to_push(served: Served) -> str:
    ledger = open_ledger(f"sqlite:///{served.data_dir / 'ledger.sqlite'}")
    key, _ = create_key(ledger, load_pepper(served.data_dir), KeyRequest("crm", ["ingest:write"]))
    ledger.close()
    return key


def _listens(process: psutil.Process, port: int) -> bool:
    return f"{port}" in process.cmdline()
