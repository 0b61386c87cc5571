"""Ten million CSV rows with one bad one: the good rows go in, in bounded memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.protocol import ROOT, BenchmarkError, Result

NAME = "ingest-10m"
MEASURES = ("truecast.py", "lifecycle")
ROWS = 10_000_000
PIECE = 500_000
BAD_ROW = 7_654_321
MEMORY_LIMIT_MB = 1_500.0


def run() -> Result:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_orders(folder / "orders.csv", ROWS, bad_row=BAD_ROW)
        report, peak_mb = ingest(folder)
        again, _ = ingest(folder)
    if report["tables"]["orders"]["added"] != ROWS - 1 or report["quarantined"] != {
        "not_finite": 1
    }:
        raise BenchmarkError(f"rows were lost or refused: {report}")
    if not again["repeated"]:
        raise BenchmarkError("the same file was taken twice")
    figures = {
        "rows_per_second": float(report["rows_per_second"]),
        "seconds": float(report["seconds"]),
        "repeat_seconds": float(again["seconds"]),
        "peak_mb": peak_mb,
    }
    note = f"CSV, six columns, one bad row found; limit {MEMORY_LIMIT_MB:.0f} MB."
    return Result(figures=figures, n=ROWS, note=note)


def write_orders(path: Path, rows: int, *, bad_row: int) -> None:
    """Write made-up orders, piece by piece; one of them has an infinite amount."""
    rng = np.random.default_rng(10)
    with path.open("w", encoding="utf-8") as handle:
        handle.write("order_id,account_id,ordered_at,amount,currency,country\n")
        for start in range(0, rows, PIECE):
            size = min(PIECE, rows - start)
            frame = made_up(rng, start, size)
            if start <= bad_row < start + size:
                frame.loc[bad_row - start, "amount"] = np.inf
            frame.to_csv(handle, header=False, index=False)


def made_up(rng: np.random.Generator, start: int, size: int) -> pd.DataFrame:
    seconds = pd.to_timedelta(rng.integers(0, 3 * 365 * 86_400, size), unit="s")
    return pd.DataFrame(
        {
            "order_id": np.char.add("o", np.arange(start, start + size).astype(str)),
            "account_id": np.char.add("a", rng.integers(0, rows_of_accounts(), size).astype(str)),
            "ordered_at": pd.Timestamp("2019-01-01") + seconds,
            "amount": np.round(rng.gamma(2.0, 50.0, size) + 1.0, 2),
            "currency": "GBP",
            "country": rng.choice(np.array(["FR", "DE", "GB"]), size),
        }
    )


def rows_of_accounts() -> int:
    return ROWS // 50


def ingest(folder: Path) -> tuple[dict[str, object], float]:
    """Run the command in a process of its own; its report and its peak memory (MB)."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    (data / "truecast.toml").write_text('currency = "GBP"\n', encoding="utf-8")
    command = [sys.executable, "truecast.py", "ingest", str(folder / "orders.csv")]
    command += ["--mapping", "examples/mappings/orders.toml", "--data-dir", str(data), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"ingest left with {done.returncode}: {done.stderr[-500:]}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    if peak > MEMORY_LIMIT_MB:
        raise BenchmarkError(f"ingest took {peak:.0f} MB; expected at most {MEMORY_LIMIT_MB:.0f}")
    report: dict[str, object] = json.loads(done.stdout)
    return report, peak
