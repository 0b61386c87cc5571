"""A thousand rows a call over HTTP, columnar and as objects, against `mlflow models serve`.

The same servers and trees as in ``serve-one``; the ratios are of calls per second, in turns.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.http_load import PACES, exchange, free_port, load, post, server
from benchmarks.protocol import BenchmarkError, Result
from benchmarks.served_model import (
    ACCOUNTS,
    Served,
    build_served,
    mlflow_command,
    save_for_mlflow,
)

NAME = "serve-batch"
MEASURES = ("truecast.py", "service/app.py", "service/cli_web.py", "lifecycle/settings.py")
ROUNDS, ROUND_SECONDS, CONNECTIONS = 7, 3.0, 2


def run() -> Result:
    """Load both servers in turns, ours in both forms."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        served = build_served(Path(folder))
        ports = free_port(), free_port()
        saved = save_for_mlflow(served, Path(folder) / "mlflow", signature=True)
        given = ["-m", "truecast", "serve", "--data-dir", str(served.data_dir)]
        stack.enter_context(server([*given, "--port", str(ports[0])], ports[0], PACES))
        stack.enter_context(server(mlflow_command(saved, ports[1]), ports[1]))
        asked = _questions(served)
        _check(exchange(ports[0], asked["columnar"]), exchange(ports[0], asked["objects"]))
        rounds = []
        for _ in range(ROUNDS + 1):
            rounds.append(
                {
                    name: load(
                        ports[name == "mlflow"],
                        [request],
                        connections=CONNECTIONS,
                        seconds=ROUND_SECONDS,
                    ).rate
                    for name, request in asked.items()
                }
            )
    rounds = rounds[1:]
    rate = {name: statistics.median(one[name] for one in rounds) for name in asked}
    return Result(
        figures={
            "ratio_mlflow": statistics.median(one["columnar"] / one["mlflow"] for one in rounds),
            "ratio_mlflow_rows": statistics.median(
                one["objects"] / one["mlflow"] for one in rounds
            ),
            "calls_per_second": rate["columnar"],
            "calls_per_second_objects": rate["objects"],
        },
        rivals={"mlflow models serve": {"calls_per_second": rate["mlflow"]}},
        n=ACCOUNTS,
        note=f"{len(served.names)} features a row, {CONNECTIONS} connections; MLflow is sent "
        "dataframe_split and returns bare numbers. The machine was shared.",
    )


def _questions(served: Served) -> dict[str, bytes]:
    ids = [f"A{at:05d}" for at in range(ACCOUNTS)]
    columnar = {
        "columns": ["id", *served.names],
        "rows": [[name, *row] for name, row in zip(ids, served.rows, strict=True)],
    }
    objects = {
        "rows": [
            {"id": name, "features": dict(zip(served.names, row, strict=True))}
            for name, row in zip(ids, served.rows, strict=True)
        ]
    }
    split = {"columns": list(served.columns), "data": served.matrix.tolist()}
    return {
        "columnar": post("/v1/scores/churn", json.dumps(columnar).encode(), served.key),
        "objects": post("/v1/scores/churn", json.dumps(objects).encode(), served.key),
        "mlflow": post("/invocations", json.dumps({"dataframe_split": split}).encode()),
    }


def _check(columnar: bytes, objects: bytes) -> None:
    cells = [row[1] for row in json.loads(columnar)["rows"]]
    values = [row["value"] for row in json.loads(objects)["scores"]]
    if cells != values or len(cells) != ACCOUNTS:
        raise BenchmarkError("the two forms differ; expected the same thousand scores")
