"""Whom an erasure names: the person while it waits or runs, nobody once there is no need."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.audit import Actor, AuditEntry
from ledger.engine import Ledger
from ledger.erasure import drop_names, forget_subject
from ledger.job_claims import claim, end_cancelled, fail
from ledger.job_effects import hold, let_go
from ledger.job_leases import Lease
from ledger.job_results import drop_results
from ledger.jobs import cancel_job, enqueue, finish, read_job
from tests.ledger.test_jobs import NOW, state

ASKED = {"subject": "contact:who1"}
ERASED = {"erased": "subject:hash"}
WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def nothing_is_held() -> Iterator[None]:
    yield
    let_go()


def ask(ledger: Ledger) -> int:
    with ledger.writing() as connection:
        return enqueue(connection, "erase", ASKED, by="key:a", dedup="subject:hash", now=NOW)


def take(ledger: Ledger) -> Lease:
    with ledger.writing() as connection:
        found = claim(connection, "w1", ["erase"], now=NOW)
    assert found is not None
    return found[1]


def forget(ledger: Ledger, subject: str = ASKED["subject"]) -> int:
    with ledger.writing() as connection:
        entry = AuditEntry(Actor("key:a"), "privacy.erase", ERASED["erased"])
        return forget_subject(connection, subject, entry)


def named(ledger: Ledger, job_id: int) -> dict[str, Any]:
    found = read_job(ledger, job_id)
    assert found is not None
    return found.payload


def test_a_job_asked_for_meanwhile_keeps_whom_it_is_to_forget(ledger: Ledger) -> None:
    first = ask(ledger)
    hold(take(ledger))
    second = ask(ledger)
    running = take(ledger)
    third = ask(ledger)
    assert forget(ledger) == 1
    assert [named(ledger, one) for one in (first, second, third)] == [ERASED, ASKED, ASKED]
    hold(running)
    assert forget(ledger) == 1
    assert [named(ledger, one) for one in (second, third)] == [ERASED, ASKED]


def test_without_a_job_those_that_wait_keep_their_names(ledger: Ledger) -> None:
    waiting = ask(ledger)
    assert forget(ledger) == 0
    assert named(ledger, waiting) == ASKED


def end_without_effect(ledger: Ledger) -> list[int]:
    """One that failed, one that was cancelled while it ran, one while it waited."""
    failed = ask(ledger)
    lease = take(ledger)
    with ledger.writing() as connection:
        fail(connection, lease, "no", now=NOW)
    running = ask(ledger)
    lease = take(ledger)
    with ledger.writing() as connection:
        end_cancelled(connection, lease, now=NOW)
    waiting = ask(ledger)
    with ledger.writing() as connection:
        cancel_job(connection, waiting, now=NOW)
    ended = [failed, running, waiting]
    assert [state(ledger, one) for one in ended] == ["failed", "cancelled", "cancelled"]
    return ended


def test_what_has_ended_names_the_forgotten_no_more(ledger: Ledger) -> None:
    ended = end_without_effect(ledger)
    assert forget(ledger, "contact:another") == 0
    assert [named(ledger, one) for one in ended] == [ASKED] * 3
    assert forget(ledger) == 3
    assert [named(ledger, one) for one in ended] == [ERASED] * 3


def test_an_erasure_that_came_to_nothing_forgets_the_name_after_a_week(ledger: Ledger) -> None:
    ended, waiting = end_without_effect(ledger), ask(ledger)
    drop_results(ledger, now=NOW + WEEK - timedelta(seconds=1))
    assert [named(ledger, one) for one in ended] == [ASKED] * 3
    drop_results(ledger, now=NOW + WEEK)
    assert [named(ledger, one) for one in ended] == [{}] * 3
    assert named(ledger, waiting) == ASKED


def test_the_hash_of_a_forgotten_person_stays(ledger: Ledger) -> None:
    job_id = ask(ledger)
    lease = take(ledger)
    hold(lease)
    forget(ledger)
    with ledger.writing() as connection:
        finish(connection, lease, now=NOW)
        drop_names(connection, now=NOW + 2 * WEEK)
    assert named(ledger, job_id) == ERASED
