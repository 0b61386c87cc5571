"""One stored score over HTTP against an empty FastAPI route that returns the same bytes.

Two real uvicorn processes on loopback, loaded in turns from this process over kept-alive
connections: `truecast serve` with a key, reading one of 5,000 scored accounts from a SQLite ledger,
and a bare application whose only route returns the bytes of such an answer. The figure is the
median over rounds of (our requests per second) / (theirs in the same round).
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from fastapi import FastAPI, Response

from benchmarks.http_load import PACES, exchange, free_port, get, load, server
from benchmarks.protocol import BenchmarkError, Result
from ledger.engine import open_ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from ledger.releases import Release, write_release
from ledger.runs import begin_run, publish_run
from ledger.scores import ScoreRow, write_scores

NAME = "serve-stored"
MEASURES = ("truecast.py", "service/app.py", "service/cli_web.py", "lifecycle/settings.py")
ACCOUNTS = 5_000
CONNECTIONS = 8
ROUNDS = 15
ROUND_SECONDS = 0.7
BODY_VARIABLE = "TRUECAST_BENCH_BODY"
_GROUPS = ("recency", "frequency", "money", "rhythm", "breadth", "season")


def empty_app() -> FastAPI:
    """Build the rival: one route, no checks, the bytes ready in memory."""
    app, body = FastAPI(), Path(os.environ[BODY_VARIABLE]).read_bytes()

    @app.get("/empty")
    async def empty() -> Response:
        return Response(body, media_type="application/json")

    return app


def run() -> Result:
    """Load both servers in turns and compare."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        key = _fill(data)
        ports = free_port(), free_port()
        serve = ["-m", "truecast", "serve", "--data-dir", str(data), "--port", str(ports[0])]
        ours = [get(f"/v1/scores/churn?id=A{i:05d}", key) for i in range(ACCOUNTS)]
        with server(serve, ports[0], PACES):
            body = exchange(ports[0], ours[0])
            if json.loads(body)["scores"][0]["account_id"] != "A00000":
                raise BenchmarkError(f"the stored score was not served: {body[:200]!r}")
            saved = Path(folder) / "body.json"
            saved.write_bytes(body)
            bare = ["-m", "uvicorn", "--factory", f"{__name__}:empty_app", "--http", "h11"]
            bare += ["--port", str(ports[1]), "--log-level", "warning", "--no-access-log"]
            with server(bare, ports[1], {BODY_VARIABLE: str(saved)}):
                pairs = _compare(ports, ours, [get("/empty", key)])
    ratios = [mine / theirs for mine, theirs in pairs]
    return Result(
        figures={
            "ratio_empty": statistics.median(ratios),
            "requests_per_second": statistics.median(mine for mine, _ in pairs),
        },
        rivals={
            "empty FastAPI route": {
                "ratio_empty": 1.0,
                "requests_per_second": statistics.median(theirs for _, theirs in pairs),
            }
        },
        n=ROUNDS,
        note=f"{len(body)} bytes, {CONNECTIONS} connections, {ROUND_SECONDS:g} s rounds in turns; "
        f"ratios from {min(ratios):.2f} to {max(ratios):.2f}; the machine was shared.",
    )


def _compare(
    ports: tuple[int, int], ours: Sequence[bytes], theirs: Sequence[bytes]
) -> list[tuple[float, float]]:
    pairs = []
    for turn in range(ROUNDS + 1):
        mine, other = (
            load(port, asked, connections=CONNECTIONS, seconds=ROUND_SECONDS).rate
            for port, asked in zip(ports, (ours, theirs), strict=True)
        )
        if turn:  # the first round warms both up
            pairs.append((mine, other))
    return pairs


def _fill(data: Path) -> str:
    ledger = open_ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    day, now = date(2011, 12, 10), datetime.now(UTC)
    release = Release(
        "churn", 90, "non_contractual", "blend", "1", "ab" * 32, day, now, {"auc": 0.8}, {}
    )
    release_id = write_release(ledger, release)
    run_id = begin_run(ledger, "scores", as_of=day, data_as_of=now)
    write_scores(ledger, run_id, (_score(index, release_id) for index in range(ACCOUNTS)))
    publish_run(ledger, run_id)
    text, _ = create_key(ledger, load_pepper(data), KeyRequest("reader", ["scores:read"]))
    ledger.close()
    return text


def _score(index: int, release_id: int) -> ScoreRow:
    reasons = [
        {
            "group": group,
            "label": f"What the {group} of orders says",
            "contribution": round((index * 31 + place) % 97 / 97 - 0.5, 6),
            "value": float(index % 365),
            "peer_median": 42.0,
            "actionable": place % 2 == 0,
            "direction": "up",
        }
        for place, group in enumerate(_GROUPS)
    ]
    return ScoreRow(
        account_id=f"A{index:05d}",
        model="churn",
        horizon_days=90,
        release_id=release_id,
        route="non_contractual",
        value=(index + 1) / (ACCOUNTS + 1),
        unit="probability",
        currency=None,
        rank=ACCOUNTS - index,
        band="medium",
        reasons=reasons,
    )
