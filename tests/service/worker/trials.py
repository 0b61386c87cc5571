"""Handlers of jobs for the tests of the worker, and a worker that looks often."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ledger.engine import Ledger
from ledger.job_effects import is_new_effect
from ledger.jobs import Job, enqueue, read_job
from lifecycle.errors import DataError, LedgerError
from lifecycle.periods import CALENDAR_YEAR
from service.worker.clock import SteadyClock
from service.worker.loop import Worker
from service.worker.plan import Pace, Plan
from service.worker.schedule import Schedule, parse_rule
from service.worker.task import Answer, Task

ROOT = Path(__file__).parents[3]
HERE = "tests.service.worker.trials"
HANDLERS = {name: f"{HERE}:{name}" for name in ("mark", "wait", "break_off", "give_up", "grow")}
SOON = Pace(look=0.02, renew=0.2, lease=1.0, grace=10.0, first_wait=timedelta(0))
NOTHING = Schedule((), ZoneInfo("UTC"), CALENDAR_YEAR)
# what a worker starts for a job, with the handlers above instead of the product's
CHILD = f"""
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
sys.path.insert(0, {str(ROOT)!r})
import os
from ledger.job_effects import hold
from ledger.job_leases import Lease
from lifecycle.errors import TruecastError
from lifecycle.periods import CALENDAR_YEAR
from lifecycle.processes import die_with_parent
from service.worker import child, handlers
from service.worker.task import Home
from {HERE} import HANDLERS
die_with_parent()
hold(Lease.parse(os.environ["TRUECAST_JOB"]))
handlers.HANDLERS = HANDLERS
home = Home(Path(sys.argv[1]), sys.argv[2], ZoneInfo("UTC"), CALENDAR_YEAR,
            memory_bytes=int(sys.argv[3]))
try:
    child.run_held_job(home)
except TruecastError as error:
    print(f"error: {{error}}", file=sys.stderr)
    raise SystemExit(error.exit_code)
"""


def mark(task: Task) -> Answer:
    """Write a line into a file, once, and give back some bytes."""
    with task.ledger.writing() as connection:
        new = is_new_effect(connection, "mark")
    if new:
        with Path(task.job.payload["file"]).open("a") as opened:
            opened.write(f"{task.job.job_id}\n")
    return Answer("marked", [b"x" * int(task.job.payload.get("bytes", 1))], "text/plain")


def wait(task: Task) -> Answer:
    """Say that it has begun, then wait for long."""
    with Path(task.job.payload["file"]).open("a") as opened:
        opened.write(f"{os.getpid()}\n")
    task.report(0.5, "half of it")
    time.sleep(float(task.job.payload.get("seconds", 60)))
    return Answer("waited")


def break_off(task: Task) -> Answer:
    raise LedgerError("the disk is full")


def give_up(task: Task) -> Answer:
    raise DataError("no history")


def grow(task: Task) -> Answer:
    return Answer(str(len(bytearray(2**31))))


def make_worker(ledger: Ledger, folder: Path, **changed: Any) -> Worker:
    """A worker over the tests' handlers; arguments change its plan, ``schedule`` its schedule."""
    schedule = changed.pop("schedule", NOTHING)
    memory = changed.pop("memory_bytes", 2**30)
    where = [str(folder), str(ledger.engine.url.render_as_string(hide_password=False)), str(memory)]
    plan = Plan(
        name="w1",
        command=[sys.executable, "-c", CHILD, *where],
        environment=dict(os.environ),
        kinds=frozenset(HANDLERS),
        pace=SOON,
    )
    return Worker(ledger, replace(plan, **changed), schedule)


def ask(ledger: Ledger, kind: str, folder: Path, **payload: Any) -> int:
    with ledger.writing() as connection:
        return enqueue(connection, kind, {"file": str(folder / "told"), **payload}, by="key:a")


def told(folder: Path) -> list[str]:
    file = folder / "told"
    return file.read_text().split() if file.exists() else []


def look_until(worker: Worker, reached: Callable[[], bool], seconds: float = 120.0) -> None:
    """Let a worker do rounds until something holds."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it never happened"
        worker.look()
        time.sleep(0.02)


def found(ledger: Ledger, job_id: int) -> Job:
    job = read_job(ledger, job_id)
    assert job is not None
    return job


def state_is(ledger: Ledger, job_id: int, state: str) -> Callable[[], bool]:
    return lambda: found(ledger, job_id).state == state


class HandClock:
    """A machine's clock and its steady seconds, both moved by hand."""

    def __init__(self, at: datetime = datetime(2026, 3, 1, 2, 59, tzinfo=UTC)) -> None:
        self.wall, self.steady = at.timestamp(), 1_000.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.steady)

    def pass_seconds(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def jump(self, seconds: float) -> None:
        self.wall += seconds


def nightly(zone: str = "UTC") -> Schedule:
    rule = parse_rule("mark", "daily 03:00")
    assert rule is not None
    return Schedule((rule,), ZoneInfo(zone), CALENDAR_YEAR)


@contextmanager
def ended(worker: Worker) -> Iterator[Worker]:
    """Leave no process of a worker behind."""
    try:
        yield worker
    finally:
        for one in list(worker.running):
            one.close()
