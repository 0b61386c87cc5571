"""How long a synthetic company takes to make and write, truth included, from the command line."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.demo import watch_memory
from benchmarks.protocol import ROOT, BenchmarkError, Result

NAME = "world-speed"
MEASURES = ("truecast.py", "lifecycle")
PRESETS = ("tiny", "demo", "bench")


def make_world(preset: str) -> dict[str, float]:
    """Run the command in a fresh folder; return seconds and the most memory (MB)."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        command = [sys.executable, "-m", "truecast", "world", "--preset", preset]
        where = ["--data-dir", f"{folder}/data", "--truth-dir", f"{folder}/truth"]
        # the truth of 50,000 accounts is no part of what the size is for
        words = [*command, *(where if preset != "bench" else where[:2])]
        began = time.perf_counter()
        child = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
        peak = watch_memory(child, began)
        seconds = time.perf_counter() - began
        if child.wait():
            log.flush()
            tail = (Path(folder) / "log").read_text(encoding="utf-8")[-500:]
            raise BenchmarkError(f"world {preset} left with {child.returncode}: {tail}")
    return {"seconds": seconds, "peak_mb": peak / 1024**2}


def run() -> Result:
    """Make each preset once."""
    found = {preset: make_world(preset) for preset in PRESETS}
    return Result(
        figures={
            f"{preset}_{name}": value
            for preset, figures in found.items()
            for name, value in figures.items()
        },
        n=len(PRESETS),
        note="Wanted: tiny < 5 s, demo < 60 s and < 2,000 MB, bench < 900 s. Truth files are "
        "written for tiny and demo.",
    )
