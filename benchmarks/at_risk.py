"""The at-risk list of 100,000 accounts, page 1 and page 500, over HTTP on both kinds of ledger.

`truecast serve` in a process of its own, once on SQLite and once on a PostgreSQL made for this.
Each question (filters and a sort) is walked by its signed cursors from page 1 to page 500, where
so many accounts match; then both pages are asked in turns over one kept-alive connection, timed
from the first byte sent to the last received. The figure is the worse of both pages' p99.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.http_load import PACES, free_port, server
from benchmarks.protocol import BenchmarkError, Result
from benchmarks.serve_stored import _score
from ledger.engine import Ledger, open_ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from ledger.releases import Release, write_release
from ledger.runs import begin_run, publish_run
from ledger.scores import write_scores
from ledger.views import AtRiskRow, write_at_risk
from tests.postgresql import Cluster

NAME = "at-risk"
MEASURES = ("truecast.py", "service/app.py", "service/cli_web.py", "lifecycle/settings.py")
ACCOUNTS = 100_000
PAGE = 50
DEEP = 500
ROUNDS = 80
# how a server comes that nobody has tuned, but for its sync, which reading does not need
SETTINGS = ("fsync=off", "max_connections=50")
QUESTIONS = (
    "",
    "sort=risk&min_risk=0.3",
    "status=all&sort=account_id",
    "status=all&sort=value&segment=small",
    "status=all&sort=recency&route=non_contractual",
    "status=all&sort=recency",
    "status=all&sort=days_to_act&route=contractual",
    "status=all&country=United%20Kingdom&min_value=50000",
)
# too few accounts match for 500 pages
SHORT = ("owner_id=u7", "status=all&country=Malta&sort=value", "status=notice_given&sort=risk")
_DAY = date(2011, 12, 10)


def run() -> Result:
    """Measure on both kinds of ledger."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        times["sqlite"] = measure(data, f"sqlite:///{data / 'ledger.sqlite'}")
    cluster = Cluster(SETTINGS)
    try:
        cluster.start().run("CREATE DATABASE truecast")
        with tempfile.TemporaryDirectory() as folder:
            times["postgresql"] = measure(Path(folder) / "data", cluster.address("truecast"))
    finally:
        cluster.remove()
    return Result(
        figures={
            f"p99_ms_{kind}": 1_000 * max(find_p99(page) for page in pages.values())
            for kind, pages in times.items()
        },
        n=sum(len(page) for pages in times.values() for page in pages.values()),
        note=f"{ACCOUNTS:,} accounts, {len(QUESTIONS) + len(SHORT)} questions, pages of {PAGE}. "
        f"Milliseconds, median and p99: {'; '.join(map(_tell, times, times.values()))}.",
    )


def _tell(kind: str, pages: dict[int, list[float]]) -> str:
    told = [
        f"page {page} {1_000 * statistics.median(times):.1f} and {1_000 * find_p99(times):.1f}"
        for page, times in pages.items()
    ]
    return f"{kind} {', '.join(told)}"


def find_p99(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]


def measure(data: Path, url: str) -> dict[int, list[float]]:
    """Fill a ledger, serve it and ask; return the seconds of each answer by page."""
    key, port = _fill(data, url), free_port()
    serve = ["-m", "truecast", "serve", "--data-dir", str(data), "--port", str(port)]
    with (
        server(serve, port, {**PACES, "TRUECAST_LEDGER_URL": url}),
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line,
    ):
        first = [f"/v1/at-risk?limit={PAGE}&{question}" for question in (*QUESTIONS, *SHORT)]
        deep = [_walk(line, path, key) for path in first[: len(QUESTIONS)]]
        times: dict[int, list[float]] = {1: [], DEEP: []}
        for _ in range(ROUNDS):
            times[1] += [_ask(line, path, key)[1] for path in first]
            times[DEEP] += [_ask(line, path, key)[1] for path in deep]
    return times


def _walk(line: http.client.HTTPConnection, path: str, key: str) -> str:
    """Follow the cursors of a question; return the path of its page 500, which must be full."""
    place, names = path, set[str]()
    for _ in range(DEEP - 1):
        answer, _ = _ask(line, place, key)
        names |= {one["account_id"] for one in answer["accounts"]}
        if answer["next_cursor"] is None:
            raise BenchmarkError(f"{path} ends before page {DEEP}")
        place = f"{path}&cursor={quote(answer['next_cursor'])}"
    if len(names) != PAGE * (DEEP - 1) or len(_ask(line, place, key)[0]["accounts"]) != PAGE:
        raise BenchmarkError(f"{path}: {len(names)} accounts on {DEEP - 1} pages")
    return place


def _ask(line: http.client.HTTPConnection, path: str, key: str) -> tuple[dict[str, Any], float]:
    began = time.perf_counter()
    line.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    answer = line.getresponse()
    body = answer.read()
    took = time.perf_counter() - began
    if answer.status != 200:
        raise BenchmarkError(f"{path}: found {answer.status}; expected 200: {body[:200]!r}")
    return json.loads(body), took


def _fill(data: Path, url: str) -> str:
    data.mkdir(mode=0o700)
    with closing(open_ledger(url)) as ledger:
        now = datetime.now(UTC)
        release = Release(
            "churn", 90, "non_contractual", "blend", "1", "ab" * 32, _DAY, now, {"auc": 0.8}, {}
        )
        release_id = write_release(ledger, release)
        for accounts in (ACCOUNTS // 10, ACCOUNTS):  # an older list lies beside the current one
            _publish(ledger, release_id, accounts, now)
        wanted = KeyRequest("reader", ["risk:read"])
        return create_key(ledger, load_pepper(data), wanted)[0]


def _publish(ledger: Ledger, release_id: int, accounts: int, now: datetime) -> None:
    run_id = begin_run(ledger, "scores", as_of=_DAY, data_as_of=now)
    write_scores(ledger, run_id, [_score(0, release_id)])
    write_at_risk(ledger, run_id, (_row(index) for index in range(accounts)))
    publish_run(ledger, run_id)


def _row(index: int) -> AtRiskRow:
    """Return one account; its numbers look drawn, but are the same each time."""
    draw, other = index * 7_919 % 100_003 / 100_003, index * 104_729 % 99_991 / 99_991
    contract = index % 2 == 0
    value = round(1_000_000 * other**3, 2)
    days = index % 400
    return AtRiskRow(
        account_id=f"A{index:06d}",
        name=f"Company {index}",
        segment=("small", "small", "middle", "large")[index // 2 % 4],
        country="Malta" if index % 500 == 3 else ("United Kingdom", "Germany")[index % 10 > 6],
        owner_id=f"u{index % 500}",
        route="contractual" if contract else "non_contractual",
        status="notice_given" if draw > 0.98 else "lapsed" if draw > 0.8 else "at_risk",
        risk=draw,
        band="high" if draw > 0.6 else "medium",
        value_if_kept_minor=value,
        expected_loss_minor=draw * value,
        currency="GBP",
        rank=index + 1,
        recency_days=None if contract else float(days),
        last_order_on=None if contract else _DAY - timedelta(days=days),
        reasons=_score(index, 1).reasons,
        days_to_act=days if contract and index % 3 else None,
    )
