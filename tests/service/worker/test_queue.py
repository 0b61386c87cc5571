"""Two workers, one killed in the middle, and clocks that jump: each job's effect once, none early.

The worker's steady seconds are injected: a machine's clock is only ever one of two that it looks
at.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.job_leases import Lease, SeenLease
from ledger.jobs import JobFilters, enqueue, read_jobs
from service.worker.clock import SteadyClock
from service.worker.watch import LEASE_SECONDS, LeaseWatch
from tests.ledger.story import new_ledger
from tests.service.worker.trials import (
    ROOT,
    HandClock,
    ask,
    ended,
    found,
    look_until,
    make_worker,
    nightly,
    state_is,
    told,
)

HOUR = 3_600.0
# a worker in a process of its own, to be killed; it says when it has begun a job
VICTIM = """
import signal
import sys
from pathlib import Path
from ledger.engine import attach_ledger
from tests.service.worker.trials import make_worker
worker = make_worker(attach_ledger(sys.argv[1]), Path(sys.argv[2]), name="victim")
signal.signal(signal.SIGTERM, lambda number, frame: worker.stop())
worker.run()
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def start_victim(ledger: Ledger, folder: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", VICTIM, str(ledger.engine.url), str(folder)]
    return subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL)


def wait_for(folder: Path, lines: int = 1) -> None:
    end = time.monotonic() + 60
    while len(told(folder)) < lines:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_workers_job_is_done_by_another_and_its_process_is_dead(
    ledger: Ledger, tmp_path: Path
) -> None:
    job_id = ask(ledger, "wait", tmp_path, seconds=3)
    victim = start_victim(ledger, tmp_path)
    wait_for(tmp_path)
    victim.kill()
    victim.wait()
    with ended(make_worker(ledger, tmp_path)) as worker:
        look_until(worker, state_is(ledger, job_id, "done"))
    assert found(ledger, job_id).tries == 2
    with pytest.raises(ProcessLookupError):
        os.kill(int(told(tmp_path)[0]), signal.SIGTERM)


def test_a_lease_is_taken_over_within_a_minute() -> None:
    watch = LeaseWatch()
    assert LEASE_SECONDS + 1 <= 60  # a worker looks more than once a second
    assert watch.find_dead([], at=0) == []


def test_time_in_which_nobody_could_look_kills_nobody() -> None:
    watch, stands = LeaseWatch(), SeenLease(Lease(1, "token"), "w1", 3)
    assert watch.find_dead([stands], at=0) == []
    # the ledger was away for a minute: its holder could not renew it either
    assert watch.find_dead([stands], at=60) == []
    looks = [watch.find_dead([stands], at=at) for at in range(61, 107)]
    assert [at for at, dead in zip(range(61, 107), looks, strict=True) if dead] == [105, 106]


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_jumps_takes_no_lease_from_a_living_worker(
    ledger: Ledger, tmp_path: Path, jump: float
) -> None:
    hand = HandClock()
    job_id = ask(ledger, "wait", tmp_path, seconds=2)
    with ended(make_worker(ledger, tmp_path)) as first:
        first.look()
        with ended(make_worker(ledger, tmp_path, name="w2", clock=hand.clock)) as second:
            second.look()
            hand.jump(jump)
            second.look()
            assert second.running == []
        look_until(first, state_is(ledger, job_id, "done"))
    assert found(ledger, job_id).tries == 1


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_jumps_begins_nothing_early_and_nothing_twice(
    ledger: Ledger, tmp_path: Path, jump: float
) -> None:
    hand = HandClock()  # a minute before three
    worker = make_worker(ledger, tmp_path, clock=hand.clock, schedule=nightly(), kinds=frozenset())
    begun = lambda: len(read_jobs(ledger, JobFilters(), limit=9))  # noqa: E731
    worker.look()
    hand.jump(jump)
    hand.pass_seconds(59)
    worker._ask_for_due()
    assert begun() == 0
    hand.jump(-jump)
    hand.pass_seconds(2)
    for _ in range(3):
        worker._ask_for_due()
        hand.jump(jump)
    assert begun() == 1


@pytest.mark.parametrize("fault", ["wall clock alone", "lease ended by wall clock"])
def test_the_planted_fault_is_caught(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "wall clock alone":
        wall = lambda self: datetime.fromtimestamp(self._wall(), UTC)  # noqa: E731
        monkeypatch.setattr(SteadyClock, "now", wall)
        with pytest.raises(AssertionError):
            test_a_clock_that_jumps_begins_nothing_early_and_nothing_twice(ledger, tmp_path, HOUR)
    else:
        monkeypatch.setattr(SteadyClock, "seconds", lambda self: self._wall())
        # else a jump is time in which nobody could look, and does no harm
        monkeypatch.setattr(LeaseWatch, "_was_blind", lambda self, at: False)
        with pytest.raises(AssertionError):
            test_a_clock_that_jumps_takes_no_lease_from_a_living_worker(ledger, tmp_path, HOUR)


def test_many_jobs_and_two_workers_give_each_effect_once(ledger: Ledger, tmp_path: Path) -> None:
    ids = [ask(ledger, "mark", tmp_path) for _ in range(4)]
    victim = start_victim(ledger, tmp_path)
    with ended(make_worker(ledger, tmp_path, concurrency=2)) as worker:
        done = lambda: all(found(ledger, one).state == "done" for one in ids)  # noqa: E731
        look_until(worker, done)
    victim.terminate()
    assert victim.wait(60) == 0
    assert sorted(told(tmp_path)) == sorted(map(str, ids))


def test_a_wait_between_tries_goes_by_what_passed(ledger: Ledger, tmp_path: Path) -> None:
    hand = HandClock()
    with ledger.writing() as connection:
        due = hand.clock.now() + timedelta(seconds=30)
        enqueue(connection, "wait", {"file": str(tmp_path / "told")}, by="key:a", due_at=due)
    with ended(make_worker(ledger, tmp_path, clock=hand.clock)) as worker:
        hand.jump(HOUR)
        worker.look()
        assert worker.running == []
        hand.pass_seconds(30)
        worker.look()
        assert len(worker.running) == 1
