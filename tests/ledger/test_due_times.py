from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from ledger.due_times import begin_schedule, read_last_due, take_due_time
from ledger.engine import Ledger
from ledger.jobs import JobFilters, read_jobs
from ledger.workers import WorkerSeen, forget_worker, read_workers, write_heartbeat
from tests.ledger.test_jobs import NOW

DAY = timedelta(days=1)


def begin(ledger: Ledger, due_at: datetime) -> int | None:
    return take_due_time(ledger, "nightly", due_at, kind="refresh", payload={"as_of": "2026-03-01"})


def test_a_due_time_is_taken_once(ledger: Ledger) -> None:
    job_id = begin(ledger, NOW)
    assert job_id is not None
    assert begin(ledger, NOW) is None
    assert [job.job_id for job in read_jobs(ledger, JobFilters(), limit=9)] == [job_id]


def test_many_workers_in_the_same_moment_begin_it_once(ledger: Ledger) -> None:
    start, found = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        found.append(begin(ledger, NOW))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len([one for one in found if one is not None]) == 1
    assert len(read_jobs(ledger, JobFilters(), limit=9)) == 1


def test_a_clock_set_back_begins_nothing_again_and_nothing_older(ledger: Ledger) -> None:
    begin(ledger, NOW)
    assert begin(ledger, NOW - DAY) is None
    assert begin(ledger, NOW + DAY) is not None


def test_a_planted_schedule_that_forgets_is_caught(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.due_times.read_last_due", lambda connection, schedule: None)
    with pytest.raises(AssertionError):
        test_a_clock_set_back_begins_nothing_again_and_nothing_older(ledger)


def test_what_was_due_before_the_schedule_was_set_up_is_not_begun(ledger: Ledger) -> None:
    begin_schedule(ledger, "nightly", NOW)
    begin_schedule(ledger, "nightly", NOW + DAY)
    assert begin(ledger, NOW) is None
    assert read_jobs(ledger, JobFilters(), limit=9) == []
    with ledger.reading() as connection:
        last = read_last_due(connection, "nightly")
    assert last is not None
    assert (last.due_at, last.job_id) == (NOW, None)


def test_a_worker_is_seen_until_it_stops_or_is_forgotten(ledger: Ledger) -> None:
    old, new = (WorkerSeen(name, NOW, NOW, 0) for name in ("old", "new"))
    with ledger.writing() as connection:
        write_heartbeat(connection, old)
        write_heartbeat(connection, new)
        later = WorkerSeen("new", NOW, NOW + timedelta(days=8), 1)
        write_heartbeat(connection, later)
        assert read_workers(connection) == [later]
        forget_worker(connection, "new")
        assert read_workers(connection) == []
