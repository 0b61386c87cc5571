"""Run benchmarks and keep what they found: ``make bench NAME=or2-90``, ``make bench``.

Each script runs in a process of its own, so that one's memory never counts for another's. The
result is written only after the script's own checks have passed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.freshness import imported_files, read_commit
from benchmarks.protocol import ROOT, BenchmarkError, Result
from benchmarks.table import RESULTS, save_page, script_of

TOOLS = {"__init__", "freshness", "load", "protocol", "run", "table"}


def names() -> list[str]:
    """List the protocols that have a script: files that declare a ``NAME``."""
    stems = (path.stem for path in sorted((ROOT / "benchmarks").glob("*.py")))
    shown = {stem: (ROOT / "benchmarks" / f"{stem}.py").read_text("utf-8") for stem in stems}
    return [
        stem.replace("_", "-")
        for stem, text in shown.items()
        if stem not in TOOLS and "\nNAME = " in text
    ]


def _peak_mb() -> float:
    """Largest resident memory of this process or of one of its children so far."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


def save_result(name: str, result: Result, measured: dict[str, float], folder: Path) -> Path:
    """Write one result with the commit it was measured at; return its path."""
    commit = read_commit(imported_files(script_of(name)))
    content = {
        "protocol": name,
        "commit": commit,
        "seconds": round(measured.get("seconds", 0.0), 1),
        "peak_mb": round(measured.get("peak_mb", 0.0), 1),
        "figures": dict(result.figures),
        "rivals": {rival: dict(figures) for rival, figures in result.rivals.items()},
        "n": result.n,
        "note": result.note,
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return path


def run_one(name: str) -> int:
    """Run one script in this process and write its result; return an exit code."""
    module = importlib.import_module(f"benchmarks.{script_of(name).stem}")
    began = time.perf_counter()
    try:
        if name != module.NAME:
            raise BenchmarkError(f"NAME is {module.NAME!r}; expected {name!r}")
        result: Result = module.run()
    except BenchmarkError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 4
    measured = {"seconds": time.perf_counter() - began, "peak_mb": _peak_mb()}
    path = save_result(name, result, measured, RESULTS)
    shown = ", ".join(f"{key} {value:.4g}" for key, value in result.figures.items())
    print(f"{name}: {shown} ({measured['seconds']:.0f} s) -> {path.relative_to(ROOT)}")
    return 0


def run_all(wanted: list[str]) -> int:
    """Run each script in its own process, then write the page; 1 when any of them failed."""
    failed = []
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    for name in wanted:
        command = [sys.executable, "-m", "benchmarks.run", "--inside", name]
        if subprocess.run(command, cwd=ROOT, env={**os.environ, **threads}).returncode:
            failed.append(name)
    save_page()
    if failed:
        print(f"failed, result kept as it was: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def main(arguments: list[str] | None = None) -> int:
    """Read the command line; return an exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("names", nargs="*", help="protocols; all when none is given")
    parser.add_argument("--table", action="store_true", help="only write docs/benchmarks.md")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.table:
        save_page()
        return 0
    unknown = sorted(set(options.names) - set(names()))
    if unknown:
        print(f"benchmark {unknown[0]!r}; expected one of {', '.join(names())}", file=sys.stderr)
        return 2
    if options.inside:
        return run_one(options.names[0])
    return run_all(options.names or names())


if __name__ == "__main__":
    raise SystemExit(main())
