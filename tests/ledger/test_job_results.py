from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import update

from ledger.engine import Ledger
from ledger.job_effects import hold, is_new_effect, let_go
from ledger.job_leases import Lease, check_lease, end_dead_lease, read_leases
from ledger.job_results import MOST_BYTES, PART_BYTES, drop_results, read_result, write_result
from ledger.job_tables import jobs
from ledger.jobs import KEPT_DAYS, finish, read_job
from lifecycle.errors import ConflictError, RefusedError
from tests.ledger.test_jobs import NOW, ask, state, take, taken

CONTENT = bytes(range(256)) * 8_000


def done(ledger: Ledger) -> int:
    job_id = ask(ledger)
    lease = taken(ledger)
    result = write_result(ledger, lease, [CONTENT], media="text/csv")
    with ledger.writing() as connection:
        finish(connection, lease, result=result, now=NOW)
    return job_id


def test_a_result_is_read_as_the_bytes_that_were_given(ledger: Ledger) -> None:
    job_id = done(ledger)
    job = read_job(ledger, job_id)
    assert job is not None
    assert job.result is not None
    assert b"".join(read_result(ledger, job_id)) == CONTENT
    assert job.result.digest == hashlib.sha256(CONTENT).hexdigest()
    assert (job.result.media, job.result.size) == ("text/csv", len(CONTENT))


def test_a_result_is_dropped_after_its_week_and_stays_described(ledger: Ledger) -> None:
    job_id = done(ledger)
    week = timedelta(days=KEPT_DAYS)
    assert drop_results(ledger, now=NOW + week - timedelta(seconds=1)) == 0
    assert drop_results(ledger, now=NOW + week) == 1
    assert drop_results(ledger, now=NOW + week) == 0
    job = read_job(ledger, job_id)
    assert job is not None
    assert job.result is not None
    assert job.result.kept_until is None
    assert list(read_result(ledger, job_id)) == []


def test_a_result_may_be_as_large_as_the_limit_and_no_larger(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_BYTES == 64 * 2**20
    monkeypatch.setattr("ledger.job_results.MOST_BYTES", PART_BYTES + 1)
    ask(ledger)
    lease = taken(ledger)
    with pytest.raises(RefusedError, match="bytes"):
        write_result(ledger, lease, [bytes(PART_BYTES + 2)], media="text/csv")
    ask(ledger)
    assert write_result(ledger, taken(ledger), [bytes(PART_BYTES + 1)], media="text/csv").size


def test_a_second_try_begins_with_no_bytes_of_the_first(ledger: Ledger) -> None:
    job_id = ask(ledger)
    write_result(ledger, taken(ledger), [CONTENT], media="text/csv")
    with ledger.writing() as connection:
        assert end_dead_lease(connection, read_leases(connection)[0])
        connection.execute(update(jobs).values(state="queued"))
    lease = taken(ledger)
    result = write_result(ledger, lease, [b"anew"], media="text/csv")
    with ledger.writing() as connection:
        finish(connection, lease, result=result)
    assert b"".join(read_result(ledger, job_id)) == b"anew"


def test_who_lost_the_lease_can_add_no_bytes(ledger: Ledger) -> None:
    ask(ledger)
    taken(ledger)
    with pytest.raises(ConflictError, match="lost"):
        write_result(ledger, Lease(1, "another"), [b"late"], media="text/csv")


def change_once(ledger: Ledger) -> bool:
    with ledger.writing() as connection:
        return is_new_effect(connection, "scores of 2026-03-01")


def test_a_second_try_does_not_change_again_what_the_first_has_changed(ledger: Ledger) -> None:
    assert change_once(ledger)  # for no job: always
    assert change_once(ledger)
    ask(ledger)
    hold(taken(ledger))
    try:
        assert change_once(ledger)
        assert not change_once(ledger)
    finally:
        let_go()


def test_nothing_is_changed_for_a_job_that_was_lost(ledger: Ledger) -> None:
    ask(ledger)
    hold(taken(ledger))
    try:
        with ledger.writing() as connection:
            end_dead_lease(connection, read_leases(connection)[0])
        with pytest.raises(ConflictError, match="lost"):
            change_once(ledger)
    finally:
        let_go()


def test_a_planted_effect_that_does_not_look_at_its_lease_is_caught(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.job_effects.check_lease", lambda connection, lease: None)
    with pytest.raises(pytest.fail.Exception):
        test_nothing_is_changed_for_a_job_that_was_lost(ledger)


def test_a_lease_holds_until_it_ends(ledger: Ledger) -> None:
    job_id = ask(ledger)
    found = take(ledger)
    assert found is not None
    with ledger.writing() as connection:
        check_lease(connection, found[1])
        finish(connection, found[1])
        with pytest.raises(ConflictError):
            check_lease(connection, found[1])
    assert state(ledger, job_id) == "done"
