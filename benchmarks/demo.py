"""The whole demo on 53,270 real orders, from an empty folder to a ledger that can be served.

Packages are installed before; the server at the end is not started. Memory is the sum over the
process and its children, sampled ten times a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.protocol import ROOT, BenchmarkError, Result

NAME = "demo"
MEASURES = (
    "truecast.py", "lifecycle", "features", "ledger", "models", "training", "service",
)  # fmt: skip
ORDERS = 53_270
LONGEST_MINUTES = 30


def _resident_bytes(process: psutil.Process) -> int:
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def watch_memory(child: subprocess.Popen[bytes], began: float) -> int:
    """Return the most memory seen (bytes) until the child ends."""
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        try:
            peak = max(peak, _resident_bytes(process))
        except psutil.NoSuchProcess:
            break
        if time.perf_counter() - began > LONGEST_MINUTES * 60:
            raise BenchmarkError(f"the demo ran for more than {LONGEST_MINUTES} minutes")
        time.sleep(0.1)
    return peak


def run() -> Result:
    """Run the demo once in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        command = [sys.executable, "-m", "truecast", "demo", "--no-serve"]
        began = time.perf_counter()
        child = subprocess.Popen(
            [*command, "--data-dir", f"{folder}/data"], cwd=ROOT, stdout=log, stderr=log
        )
        try:
            peak = watch_memory(child, began)
        finally:
            child.kill()  # nothing to do but when the watch was interrupted
        seconds = time.perf_counter() - began
        if child.wait():
            tail = (Path(folder) / "log").read_text(errors="replace")[-400:]
            raise BenchmarkError(f"the demo left with {child.returncode}: {tail}")
    return Result(
        figures={"minutes": seconds / 60, "peak_gb": peak / 1e9},
        n=ORDERS,
        note="One run on 2 cores, shared with whatever else the machine was doing.",
    )
