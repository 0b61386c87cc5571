from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ledger.engine import Ledger
from ledger.job_results import read_result
from ledger.jobs import cancel_job
from ledger.workers import read_workers
from tests.ledger.story import new_ledger
from tests.service.worker.trials import (
    ask,
    ended,
    found,
    look_until,
    make_worker,
    state_is,
    told,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def test_a_job_is_done_and_its_bytes_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    job_id = ask(ledger, "mark", tmp_path, bytes=3)
    make_worker(ledger, tmp_path).run(once=True)
    job = found(ledger, job_id)
    assert (job.state, job.message, job.tries) == ("done", "marked", 1)
    assert b"".join(read_result(ledger, job_id)) == b"xxx"
    assert told(tmp_path) == [str(job_id)]


def test_what_another_try_may_help_is_tried_three_times(ledger: Ledger, tmp_path: Path) -> None:
    job_id = ask(ledger, "break_off", tmp_path)
    make_worker(ledger, tmp_path).run(once=True)
    job = found(ledger, job_id)
    assert (job.state, job.message, job.tries) == ("failed", "the disk is full", 3)


def test_what_no_other_try_helps_is_tried_once(ledger: Ledger, tmp_path: Path) -> None:
    job_id = ask(ledger, "give_up", tmp_path)
    make_worker(ledger, tmp_path).run(once=True)
    job = found(ledger, job_id)
    assert (job.state, job.message, job.tries) == ("failed", "no history", 1)


def test_a_job_that_wants_too_much_memory_is_told_so(ledger: Ledger, tmp_path: Path) -> None:
    job_id = ask(ledger, "grow", tmp_path)
    make_worker(ledger, tmp_path, memory_bytes=2**30).run(once=True)
    assert "needs more than 1,024 MB" in found(ledger, job_id).message


def test_a_running_job_tells_its_progress_and_dies_when_it_is_cancelled(
    ledger: Ledger, tmp_path: Path
) -> None:
    job_id = ask(ledger, "wait", tmp_path)
    with ended(make_worker(ledger, tmp_path)) as worker:
        look_until(worker, lambda: found(ledger, job_id).progress == 0.5)
        assert found(ledger, job_id).message == "half of it"
        with ledger.writing() as connection:
            cancel_job(connection, job_id)
        look_until(worker, state_is(ledger, job_id, "cancelled"))
        assert worker.running == []
    assert not is_alive(int(told(tmp_path)[0]))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_job_that_runs_too_long_is_ended(ledger: Ledger, tmp_path: Path) -> None:
    job_id = ask(ledger, "wait", tmp_path)
    with ended(make_worker(ledger, tmp_path, longest=lambda kind: 0.5)) as worker:
        look_until(worker, state_is(ledger, job_id, "failed"))
    job = found(ledger, job_id)
    assert (job.tries, "its longest time" in job.message) == (3, True)


def test_as_many_jobs_run_as_are_allowed(ledger: Ledger, tmp_path: Path) -> None:
    for _ in range(3):
        ask(ledger, "wait", tmp_path)
    with ended(make_worker(ledger, tmp_path, concurrency=2)) as worker:
        worker.look()
        assert len(worker.running) == 2


def test_a_worker_is_seen_while_it_lives(ledger: Ledger, tmp_path: Path) -> None:
    worker = make_worker(ledger, tmp_path)
    worker.look()
    with ledger.reading() as connection:
        assert [one.name for one in read_workers(connection)] == ["w1"]
    worker.run(once=True)
    with ledger.reading() as connection:
        assert read_workers(connection) == []


def test_a_stopped_worker_lets_its_job_end(ledger: Ledger, tmp_path: Path) -> None:
    job_id = ask(ledger, "wait", tmp_path, seconds=1)
    worker = make_worker(ledger, tmp_path)
    look_until(worker, lambda: bool(told(tmp_path)))
    waiting = ask(ledger, "mark", tmp_path)
    worker.stop()
    worker.run()
    assert found(ledger, job_id).state == "done"
    assert found(ledger, waiting).state == "queued"


def test_a_worker_stopped_twice_hands_its_job_back_at_once(ledger: Ledger, tmp_path: Path) -> None:
    job_id = ask(ledger, "wait", tmp_path)
    worker = make_worker(ledger, tmp_path)
    look_until(worker, lambda: bool(told(tmp_path)))
    worker.stop()
    worker.stop()
    began = time.monotonic()
    worker.run()
    assert time.monotonic() - began < 5
    assert (found(ledger, job_id).state, found(ledger, job_id).tries) == ("queued", 0)
    assert not is_alive(int(told(tmp_path)[0]))


def test_a_planted_worker_that_drops_its_job_is_caught(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.worker.loop.give_back", lambda connection, lease: None)
    with pytest.raises(AssertionError):
        test_a_worker_stopped_twice_hands_its_job_back_at_once(ledger, tmp_path)
