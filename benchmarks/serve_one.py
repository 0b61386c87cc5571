"""One row with its features over HTTP, against `mlflow models serve` and a bare FastAPI handler.

Four real servers of one process each, loaded in turns over kept-alive connections: `truecast serve`
with key, limits and strict parser on; MLflow with a signature, and without; a handler that does the
same predict and nothing else. Figures are medians over rounds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.http_load import PACES, Load, exchange, free_port, load, post, server
from benchmarks.protocol import ROOT, BenchmarkError, Result
from benchmarks.served_model import (
    FOLDER_VARIABLE,
    Served,
    bare_command,
    build_served,
    mlflow_command,
    save_for_mlflow,
)

NAME = "serve-one"
MEASURES = ("truecast.py", "service/app.py", "service/cli_web.py", "lifecycle/settings.py")
ROUNDS, ROUND_SECONDS, CONNECTIONS = 9, 2.0, 4
ROWS = 200
IMPORT = """
import os, sys, time
began = time.perf_counter()
import service.app, service.cli_web
spent = time.perf_counter() - began
pages = int(open("/proc/self/statm").read().split()[1])
print(spent, pages * os.sysconf("SC_PAGESIZE") / 2**20)
"""


def run() -> Result:
    """Load the four servers in turns."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        served = build_served(Path(folder))
        ports = [free_port() for _ in range(4)]
        saved = [
            save_for_mlflow(served, Path(folder) / f"mlflow{place}", signature=place == 0)
            for place in range(2)
        ]
        given = ["-m", "truecast", "serve", "--data-dir", str(served.data_dir)]
        ours = stack.enter_context(server([*given, "--port", str(ports[0])], ports[0], PACES))
        for place, path in enumerate(saved, start=1):
            stack.enter_context(server(mlflow_command(path, ports[place]), ports[place]))
        where = {FOLDER_VARIABLE: str(served.data_dir / "bundles")}
        stack.enter_context(server(bare_command(ports[3]), ports[3], where))
        asked = [questions(served, place) for place in range(4)]
        check_same(ports, asked)
        rounds = [_round(ports, asked) for _ in range(ROUNDS + 1)][1:]
        rss = psutil.Process(ours.pid).memory_info().rss / 2**20
    return _conclude(rounds, rss)


def questions(served: Served, place: int) -> list[bytes]:
    """Return one-row requests of one server, by its place."""
    found = []
    for at in range(ROWS):
        row = dict(zip(served.names, served.rows[at], strict=True))
        if place == 0:
            body = {"rows": [{"id": f"A{at:05d}", "features": row}]}
            found.append(post("/v1/scores/churn", json.dumps(body).encode(), served.key))
        elif place == 3:
            found.append(post("/score", json.dumps({"rows": [row]}).encode()))
        else:
            split = {"columns": list(served.columns), "data": [served.matrix[at].tolist()]}
            found.append(post("/invocations", json.dumps({"dataframe_split": split}).encode()))
    return found


def check_same(ports: list[int], asked: list[list[bytes]]) -> None:
    """Refuse to measure servers that do not answer the same.

    Raises
    ------
    BenchmarkError
        Product and bare handler differ, or MLflow does not answer.
    """
    for at in range(3):
        mine = json.loads(exchange(ports[0], asked[0][at]))["scores"][0]["value"]
        bare = json.loads(exchange(ports[3], asked[3][at]))["scores"][0]
        if abs(mine - bare) > 1e-12:
            raise BenchmarkError(f"{mine} by Truecast, {bare} by the bare handler; expected equal")
        for place in (1, 2):
            json.loads(exchange(ports[place], asked[place][at]))


def _round(ports: list[int], asked: list[list[bytes]]) -> list[Load]:
    return [
        load(port, requests, connections=CONNECTIONS, seconds=ROUND_SECONDS)
        for port, requests in zip(ports, asked, strict=True)
    ]


def _conclude(rounds: list[list[Load]], rss: float) -> Result:
    def middle(values: list[float]) -> float:
        return float(statistics.median(values))

    rate = [middle([one[place].rate for one in rounds]) for place in range(4)]
    p99 = [middle([one[place].p99_ms for one in rounds]) for place in range(4)]
    seconds, slim = _measure_import()
    names = ("mlflow models serve", "mlflow without a signature", "bare FastAPI handler")
    return Result(
        figures={
            "ratio_mlflow": middle([one[0].rate / one[1].rate for one in rounds]),
            "ratio_bare": middle([one[0].rate / one[3].rate for one in rounds]),
            "p99_ratio_mlflow": middle([one[0].p99_ms / one[1].p99_ms for one in rounds]),
            "requests_per_second": rate[0],
            "p99_ms": p99[0],
            "import_seconds": seconds,
            "import_mib": slim,
            "serving_mib": rss,
        },
        rivals={
            name: {"requests_per_second": rate[place], "p99_ms": p99[place]}
            for place, name in enumerate(names, start=1)
        },
        n=sum(len(one[0].seconds) for one in rounds),
        note=f"one process each, {CONNECTIONS} connections, {ROUNDS} rounds of {ROUND_SECONDS:g} s "
        "in turns; the machine was shared.",
    )


def _measure_import() -> tuple[float, float]:
    """Return seconds and resident MiB of importing the web process, before any model."""
    command = [sys.executable, "-c", IMPORT]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, mib = ran.stdout.split()
    return float(seconds), float(mib)
