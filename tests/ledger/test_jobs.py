from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from ledger.engine import Ledger
from ledger.job_claims import (
    MOST_TRIES,
    claim,
    end_cancelled,
    fail,
    give_back,
    is_any_due,
    report_progress,
    take_back,
)
from ledger.job_leases import Lease, read_leases, renew_lease
from ledger.job_tables import job_leases
from ledger.jobs import (
    Job,
    JobFilters,
    Wish,
    cancel_job,
    enqueue,
    finish,
    read_job,
    read_jobs,
)
from lifecycle.errors import ConflictError, LedgerError, UsageError

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ALL = ("refresh", "export")


def ask(ledger: Ledger, kind: str = "refresh", by: str = "key:a", **wish: object) -> int:
    given: Wish = {"now": NOW, **wish}  # type: ignore[typeddict-item]
    with ledger.writing() as connection:
        return enqueue(connection, kind, {"as_of": "2026-03-01"}, by=by, **given)


def take(ledger: Ledger, now: datetime = NOW) -> tuple[Job, Lease] | None:
    with ledger.writing() as connection:
        return claim(connection, "w1", ALL, now=now)


def taken(ledger: Ledger, now: datetime = NOW) -> Lease:
    found = take(ledger, now)
    assert found is not None
    return found[1]


def state(ledger: Ledger, job_id: int) -> str:
    found = read_job(ledger, job_id)
    assert found is not None
    return found.state


def test_a_job_asked_for_in_a_transaction_that_fails_was_never_asked_for(ledger: Ledger) -> None:
    with suppress(RuntimeError), ledger.writing() as connection:
        enqueue(connection, "refresh", {}, by="key:a")
        raise RuntimeError
    assert read_jobs(ledger, JobFilters(), limit=9) == []


def test_the_one_that_waits_longest_is_taken_and_nobody_else_gets_it(ledger: Ledger) -> None:
    first, second = ask(ledger), ask(ledger)
    found = take(ledger)
    assert found is not None
    assert (found[0].job_id, found[0].state, found[0].tries) == (first, "running", 1)
    assert taken(ledger).job_id == second
    assert take(ledger) is None


def test_nothing_begins_before_it_is_due(ledger: Ledger) -> None:
    ask(ledger, due_at=LATER)
    with ledger.reading() as connection:
        assert not is_any_due(connection, ALL, now=LATER - timedelta(microseconds=1))
    assert take(ledger, LATER - timedelta(microseconds=1)) is None
    assert take(ledger, LATER) is not None


def test_a_worker_takes_only_kinds_it_knows(ledger: Ledger) -> None:
    ask(ledger, "something new")
    assert take(ledger) is None


def test_one_waiting_job_of_a_word_is_enough_until_it_is_taken(ledger: Ledger) -> None:
    first = ask(ledger, dedup="inbox")
    assert ask(ledger, dedup="inbox") == first
    assert ask(ledger, "export", dedup="inbox") != first
    assert taken(ledger).job_id == first
    assert ask(ledger, dedup="inbox") != first


def test_done_and_its_effect_become_visible_together_or_not_at_all(ledger: Ledger) -> None:
    job_id = ask(ledger)
    lease = taken(ledger)
    with suppress(RuntimeError), ledger.writing() as connection:
        finish(connection, lease, message="half")
        raise RuntimeError
    assert state(ledger, job_id) == "running"
    with ledger.writing() as connection:
        finish(connection, lease, message="42 accounts", now=LATER)
    job = read_job(ledger, job_id)
    assert job is not None
    assert (job.state, job.message, job.progress) == ("done", "42 accounts", 1.0)
    assert job.finished_at == LATER


def test_who_lost_the_lease_can_end_nothing(ledger: Ledger) -> None:
    job_id = ask(ledger)
    lease = taken(ledger)
    with ledger.writing() as connection:
        assert take_back(connection, read_leases(connection)[0], now=NOW)
    newer = taken(ledger)
    for end in (finish, give_back):
        with pytest.raises(ConflictError, match="lost"), ledger.writing() as connection:
            end(connection, lease)
    with ledger.writing() as connection:
        assert not renew_lease(connection, lease)
        finish(connection, newer)
    assert state(ledger, job_id) == "done"


def test_a_planted_end_without_a_lease_is_caught(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_whatever(connection: object, lease: Lease) -> None:
        connection.execute(delete(job_leases))  # type: ignore[attr-defined]

    monkeypatch.setattr("ledger.jobs.end_lease", end_whatever)
    with pytest.raises(pytest.fail.Exception):
        test_who_lost_the_lease_can_end_nothing(ledger)


def test_a_lease_that_moved_on_is_not_taken_back(ledger: Ledger) -> None:
    ask(ledger)
    lease = taken(ledger)
    with ledger.writing() as connection:
        seen = read_leases(connection)[0]
        assert renew_lease(connection, lease)
        assert not take_back(connection, seen, now=NOW)
    assert take(ledger) is None


def test_a_failed_try_waits_and_the_last_one_fails(ledger: Ledger) -> None:
    job_id = ask(ledger)
    for number in range(MOST_TRIES):
        with ledger.writing() as connection:
            assert state(ledger, job_id) == "queued"
            found = claim(connection, "w1", ALL, now=NOW + number * timedelta(hours=1))
            assert found is not None
            again = found[0].started_at and found[0].started_at + timedelta(hours=1)
            fail(connection, found[1], "the disk was full", now=NOW, again_at=again)
    job = read_job(ledger, job_id)
    assert job is not None
    assert (job.state, job.tries, job.message) == ("failed", MOST_TRIES, "the disk was full")


def test_a_try_that_cannot_help_is_the_last(ledger: Ledger) -> None:
    job_id = ask(ledger)
    with ledger.writing() as connection:
        fail(connection, taken_in(connection), "no such model", now=NOW)
    assert state(ledger, job_id) == "failed"


def taken_in(connection: object) -> Lease:
    found = claim(connection, "w1", ALL, now=NOW)  # type: ignore[arg-type]
    assert found is not None
    return found[1]


def test_a_job_that_kills_its_workers_is_not_tried_for_ever(ledger: Ledger) -> None:
    job_id = ask(ledger)
    for _ in range(MOST_TRIES):
        taken(ledger)
        with ledger.writing() as connection:
            take_back(connection, read_leases(connection)[0], now=NOW)
    assert state(ledger, job_id) == "failed"


def test_a_job_given_back_has_not_used_a_try(ledger: Ledger) -> None:
    job_id = ask(ledger)
    with ledger.writing() as connection:
        give_back(connection, taken_in(connection))
    job = read_job(ledger, job_id)
    assert job is not None
    assert (job.state, job.tries) == ("queued", 0)


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_worker(
    ledger: Ledger,
) -> None:
    running = ask(ledger)
    lease = taken(ledger)
    waiting = ask(ledger, dedup="word")
    with ledger.writing() as connection:
        assert cancel_job(connection, waiting, now=NOW).state == "cancelled"
        assert cancel_job(connection, running, now=NOW).cancel_asked_at == NOW
    assert state(ledger, running) == "running"
    with ledger.writing() as connection:
        end_cancelled(connection, lease, now=LATER)
        assert cancel_job(connection, running).cancel_asked_at == NOW
    assert state(ledger, running) == "cancelled"
    assert ask(ledger, dedup="word") != waiting


def test_what_is_done_cannot_be_cancelled_nor_what_never_was(ledger: Ledger) -> None:
    job_id = ask(ledger)
    with ledger.writing() as connection:
        finish(connection, taken_in(connection))
    with pytest.raises(ConflictError, match="done"), ledger.writing() as connection:
        cancel_job(connection, job_id)
    with pytest.raises(LedgerError, match="no job"), ledger.writing() as connection:
        cancel_job(connection, job_id + 1)


def test_a_cancelled_try_is_not_tried_again(ledger: Ledger) -> None:
    job_id = ask(ledger)
    with ledger.writing() as connection:
        lease = taken_in(connection)
        cancel_job(connection, job_id, now=NOW)
        fail(connection, lease, "killed", now=NOW, again_at=LATER)
    assert state(ledger, job_id) == "cancelled"


def test_a_list_shows_what_was_asked_for_newest_first(ledger: Ledger) -> None:
    mine = [ask(ledger, by="key:a") for _ in range(3)]
    other = ask(ledger, "export", by="key:b")
    found = read_jobs(ledger, JobFilters(created_by="key:a"), limit=2)
    assert [one.job_id for one in found] == [mine[2], mine[1]]
    rest = read_jobs(ledger, JobFilters(created_by="key:a"), before=mine[1], limit=2)
    assert [one.job_id for one in rest] == [mine[0]]
    assert [one.job_id for one in read_jobs(ledger, JobFilters(kind="export"), limit=9)] == [other]


def test_progress_is_told_by_the_holder_only(ledger: Ledger) -> None:
    job_id = ask(ledger)
    lease = taken(ledger)
    with ledger.writing() as connection:
        report_progress(connection, lease, 1.5, "scoring")
    job = read_job(ledger, job_id)
    assert job is not None
    assert (job.progress, job.message) == (1.0, "scoring")
    with pytest.raises(ConflictError), ledger.writing() as connection:
        report_progress(connection, Lease(job_id, "another"), 0.1, "")


def test_a_lease_is_read_as_it_was_written() -> None:
    lease = Lease(7, "ab")
    assert Lease.parse(str(lease)) == lease
    with pytest.raises(UsageError):
        Lease.parse("seven")
