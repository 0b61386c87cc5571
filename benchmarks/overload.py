"""Four times as many requests as the service can answer: what is served, how late, what is refused.

`truecast serve` in a process of its own, with its limits as they are but for the paces of keys,
which would refuse before there is any overload; its at-risk list of 5,000 accounts is asked page by
page. Capacity is what it answers as fast as it can to as many callers as it works on at once,
before and after each round; in a round requests leave at four times that rate, each on time, from
another process, and a third one asks for its health.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.http_load import PACES, free_port, server
from benchmarks.load import Answers, Load, drive, exchange
from benchmarks.protocol import BenchmarkError, Result
from benchmarks.serve_stored import _fill, _score
from ledger.engine import open_ledger
from ledger.keys import KeyRequest, create_key, load_pepper
from ledger.releases import Release, write_release
from ledger.runs import begin_run, publish_run
from ledger.scores import write_scores
from ledger.views import AtRiskRow, write_at_risk

NAME = "overload"
MEASURES = ("truecast.py", "service/app.py", "service/cli_web.py", "lifecycle/settings.py")
ACCOUNTS = 5_000
CALLERS = 4
ROUNDS, CAPACITY_SECONDS, OVERLOAD_SECONDS = 5, 3.0, 8.0
TIMES = 4.0
_DAY = date(2011, 12, 10)


def run() -> Result:
    """In each round find the capacity, ask for four times as much, and find the capacity again."""
    flooded, beside, could = Answers(), Answers(), 0.0
    with list_server() as (port, requests):
        asyncio.run(find_capacity(port, requests, 1.0))  # warms it up
        before = asyncio.run(find_capacity(port, requests, CAPACITY_SECONDS))
        for _ in range(ROUNDS):
            flood = Load(port, requests, TIMES * before, OVERLOAD_SECONDS)
            health = Load(port, [write_request("/livez", "")], 20.0, OVERLOAD_SECONDS)
            answers, asked = drive(flood, health)
            after = asyncio.run(find_capacity(port, requests, CAPACITY_SECONDS))
            _add(flooded, answers)
            _add(beside, asked)
            # the machine is shared: what it could do meanwhile lies between the two
            could += OVERLOAD_SECONDS * (before + after) / 2
            before = after
    return _conclude(flooded, beside, could)


def _add(all_of: Answers, one: Answers) -> None:
    all_of.status += one.status
    all_of.seconds += one.seconds
    all_of.told += one.told
    all_of.failures += one.failures


def _conclude(flooded: Answers, beside: Answers, could: float) -> Result:
    pairs = zip(flooded.seconds, flooded.status, strict=True)
    served = [one for one, status in pairs if status == 200]
    if not served or beside.failures or set(beside.status) != {200}:
        raise BenchmarkError(f"{len(served)} served; health {sorted(set(beside.status))}")
    return Result(
        figures={
            "p99_ms": 1_000 * find_p99(served),
            "goodput_share": len(served) / could,
            "refused_with_retry_after": share_told(flooded),
            "health_p99_ms": 1_000 * find_p99(beside.seconds),
            "capacity_per_second": could / OVERLOAD_SECONDS / ROUNDS,
        },
        n=len(flooded.status) + flooded.failures,
        note=_note(flooded),
    )


def _note(answers: Answers) -> str:
    counted = {one: answers.status.count(one) for one in sorted(set(answers.status))}
    told = ", ".join(f"{count} x {status}" for status, count in counted.items())
    return (
        f"{ROUNDS} rounds of {TIMES:g} x capacity for {OVERLOAD_SECONDS:g} s, open loop, list "
        f"pages of 50, capacity before and after each: {told}; {answers.failures} not sent or not "
        "answered; driver and server shared the machine."
    )


def share_told(answers: Answers) -> float:
    """Return the share of refusals that are 503 or 429 and say when to return."""
    refused = [one for one in zip(answers.status, answers.told, strict=True) if one[0] != 200]
    told = sum(status in {429, 503} and told for status, told in refused)
    return told / len(refused) if refused else 1.0


def find_p99(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]


async def find_capacity(port: int, requests: list[str], seconds: float) -> float:
    """Return answers per second to a few callers that ask again as soon as they are answered."""
    end = time.perf_counter() + seconds

    async def ask(offset: int) -> int:
        connection, count = await asyncio.open_connection("127.0.0.1", port), 0
        while time.perf_counter() < end:
            request = requests[(offset + count) % len(requests)].encode()
            status, _, _ = await exchange(*connection, request)
            if status != 200:
                raise BenchmarkError(f"found {status} below capacity; expected 200")
            count += 1
        connection[1].close()
        return count

    return sum(await asyncio.gather(*[ask(one * 7) for one in range(CALLERS)])) / seconds


@contextmanager
def list_server(**extra: str) -> Iterator[tuple[int, list[str]]]:
    """Serve a filled at-risk list; give the port and the requests of its pages."""
    with tempfile.TemporaryDirectory() as folder:
        data, port = Path(folder) / "data", free_port()
        key = fill_list(data)
        serve = ["-m", "truecast", "serve", "--data-dir", str(data), "--port", str(port)]
        paths = [f"/v1/at-risk?limit=50&min_risk=0.{one:02d}" for one in range(40)]
        with server(serve, port, {**PACES, **extra}):
            yield port, [write_request(path, key) for path in paths]


def write_request(path: str, key: str) -> str:
    """Return the text of one request."""
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {key}", "", "")
    return "\r\n".join(lines)


def fill_list(data: Path) -> str:
    """Write scores and an at-risk list; return a key that may read both."""
    _fill(data)
    ledger, now = open_ledger(f"sqlite:///{data / 'ledger.sqlite'}"), datetime.now(UTC)
    release = Release(
        "churn", 90, "non_contractual", "blend", "2", "cd" * 32, _DAY, now, {"auc": 0.8}, {}
    )
    release_id = write_release(ledger, release)
    run_id = begin_run(ledger, "scores", as_of=_DAY, data_as_of=now)
    write_scores(ledger, run_id, [_score(0, release_id)])
    write_at_risk(ledger, run_id, (_row(index) for index in range(ACCOUNTS)))
    publish_run(ledger, run_id)
    scopes = ["scores:read", "risk:read"]
    text, _ = create_key(ledger, load_pepper(data), KeyRequest("reader", scopes))
    ledger.close()
    return text


def _row(index: int) -> AtRiskRow:
    risk = (index + 1) / (ACCOUNTS + 1)
    reason = {"group": "recency", "label": "Days since the last order", "contribution": 0.4}
    more = {"value": 31.0, "peer_median": 12.0, "actionable": True, "direction": "raises"}
    return AtRiskRow(
        account_id=f"A{index:05d}",
        name=f"Company {index}",
        segment="United Kingdom",
        country="United Kingdom",
        owner_id=f"u{index % 20}",
        route="non_contractual",
        status="at_risk",
        risk=risk,
        band="medium",
        value_if_kept_minor=10_000.0,
        expected_loss_minor=10_000.0 * risk,
        currency="GBP",
        rank=index + 1,
        recency_days=31.0,
        last_order_on=_DAY,
        reasons=[{**reason, **more}],
    )
