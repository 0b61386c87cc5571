"""Kill -9 over ingest, refresh, promotion, jobs and pushes: what was acknowledged and is not there?

Half of the kills fall at crash points, half at random moments of a unit's work. After each one the
work is taken up as a restart would, and what is stored is held against what was sent and what was
acknowledged: each unit once, whole or not at all. It goes on where it was stopped (in
``TRUECAST_KILLS_DIR``, if set).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.protocol import ROOT, BenchmarkError, Result

NAME = "kills"
MEASURES = ("lifecycle", "ledger", "models", "service")
KILLS = 200
WITHIN_SHARE = 0.2
FAMILIES = ("ingest", "refresh", "promote", "job", "push")
SEED = 7


def run() -> Result:
    """Kill each kind of work 200 times."""
    given = os.environ.get("TRUECAST_KILLS_DIR")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(given or scratch)
        tallies = {name: _kill(name, root / name) for name in FAMILIES}
    figures = {"kills": 0.0, "lost": 0.0, "within_share": 0.0}
    for name, tally in tallies.items():
        share = tally["within"] / tally["kills"]
        if tally["kills"] < KILLS or share < WITHIN_SHARE:
            raise BenchmarkError(f"{name}: {tally['kills']} kills, {share:.0%} within a unit")
        figures["kills"] += tally["kills"]
        figures["lost"] += tally["lost"]
        figures["within_share"] += tally["within"]
        figures[f"kills_{name}"] = tally["kills"]
    figures["within_share"] /= figures["kills"]
    note = (
        "Units acknowledged and not stored whole, once. within_share: kills between a unit's first "
        "write and its acknowledgement. On SQLite; a killed process is not a power cut."
    )
    return Result(figures=figures, n=int(figures["kills"]), note=note)


def _kill(name: str, folder: Path) -> dict[str, int]:
    words = [name, str(folder), str(KILLS), str(SEED)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kill_trials", *words],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(f"{name}: the trials ended with {done.returncode}")
    tally: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return tally
