"""Ten minutes at half load: memory, files and errors.

`truecast serve` is asked for pages of the at-risk list at half of what it can answer, from a
process of its own. The slope of its resident memory leaves out the first fifth of the time.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import threading
import time

import psutil

from benchmarks.load import Load, drive
from benchmarks.overload import find_capacity, find_p99, list_server
from benchmarks.protocol import BenchmarkError, Result

NAME = "soak"
MEASURES = ("truecast.py", "service/app.py", "service/cli_web.py", "lifecycle/settings.py")
SECONDS = float(os.environ.get("TRUECAST_BENCH_SOAK_SECONDS", "600"))
WATCH_SECONDS = 1.0


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


def run() -> Result:
    """Load the server for ten minutes and watch it."""
    with list_server() as (port, requests):
        capacity = asyncio.run(find_capacity(port, requests, 5.0))
        watch = Watch(port)
        watch.start()
        (answers,) = drive(Load(port, requests, capacity / 2, SECONDS))
        watch.over.set()
        watch.join()
    late = watch.seen[len(watch.seen) // 5 :]
    if len(late) < 10:
        raise BenchmarkError(f"{len(late)} looks at the server; expected at least 10")
    slope, _ = statistics.linear_regression([one[0] / 60 for one in late], [one[1] for one in late])
    wrong = sum(status != 200 for status in answers.status) + answers.failures
    asked = len(answers.status) + answers.failures
    return Result(
        figures={
            "rss_mib_per_min": slope,
            "error_share": wrong / asked,
            "p99_ms": 1_000 * find_p99(answers.seconds),
            "rss_mib": late[-1][1],
        },
        n=asked,
        note=f"{SECONDS:g} s at {capacity / 2:.0f} requests a second; open files "
        f"{min(one[2] for one in late)} to {max(one[2] for one in late)}, threads "
        f"{min(one[3] for one in late)} to {max(one[3] for one in late)}; the machine was shared.",
    )


def _listens(process: psutil.Process, port: int) -> bool:
    return f"{port}" in process.cmdline()
