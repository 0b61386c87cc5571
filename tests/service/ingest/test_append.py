"""From the inbox to the lake: each batch once, in order, whatever else happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, delete, func, select, update

from ledger.engine import Ledger
from ledger.inbox import (
    JOB,
    RESCORE_PAUSE_MINUTES,
    ask_for_left,
    mark_appended,
    read_batch,
    seal_batches,
)
from ledger.inbox_tables import inbox, inbox_batches
from ledger.job_tables import jobs
from ledger.jobs import enqueue
from lifecycle.errors import LakeError, TableError
from lifecycle.lake import Lake
from service.worker import child
from service.worker import inbox as handler
from service.worker.task import Answer, Task
from tests.service.conftest import Client
from tests.service.ingest.pushes import (
    amounts,
    append,
    count_waiting,
    end_jobs,
    fail_once,
    ids,
    open_crm,
    order,
    orders,
    push,
    stored,
    take_job,
)
from tests.service.test_jobs import name_of


def batches(folder: Path) -> list[str]:
    return [one.batch_id for one in Lake(folder / "lake").batches()]


def test_pushes_that_wait_together_go_as_one_batch_a_table(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    append(ledger, folder)
    before = len(batches(folder)) if (folder / "lake").exists() else 0
    for name in ("t1", "t2", "t3"):
        push(crm, orders(2, name))
    push(crm, [{"account_id": "a1", "name": "Firm"}], "accounts")
    append(ledger, folder)
    assert len(batches(folder)) - before == 2
    assert len(ids(folder, "t")) == 6


def test_a_row_pushed_again_with_another_content_corrects_the_first(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    for amount in (100, 200, 300):
        push(crm, [order("c1", amount_minor=amount)])
    push(crm, [order("c1", amount_minor=300)])
    append(ledger, folder)
    assert amounts(folder, "c1") == [100, 200, 300]


def append_twice(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """A job that dies after the lake has its batch, and the next one; return batches added."""
    before = batches(folder) if (folder / "lake").exists() else []
    push(crm, orders(3, "again"))
    task = take_job(ledger, folder)
    assert task is not None
    handler.append_inbox(task)  # its end never came
    push(crm, [order("later")])
    append(ledger, folder)
    return batches(folder)[len(before) :]


def test_a_batch_that_the_lake_has_is_not_appended_again(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, folder)
    assert len(append_twice(crm, ledger, folder, monkeypatch)) == 2
    assert ids(folder, "again") == ["again0", "again1", "again2"]


def test_a_planted_name_of_chance_is_caught(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, folder)
    real, number = handler.BatchHeader, iter(range(9))
    monkeypatch.setattr(
        handler, "BatchHeader", lambda _, *rest, **named: real(f"x{next(number)}", *rest, **named)
    )
    with pytest.raises(AssertionError):
        assert len(append_twice(crm, ledger, folder, monkeypatch)) == 2


def mark_first(task: Task) -> Answer:
    """A planted fault: the rows are removed before the lake has them."""
    found = seal_batches(task.ledger)
    with task.ledger.writing() as connection:
        mark_appended(connection, found, by="x")
    raise LakeError("died")


@pytest.mark.parametrize("step", [handler.append_inbox, mark_first])
def test_a_full_lake_loses_no_row_and_a_planted_early_mark_is_caught(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch, step: Any
) -> None:
    name = f"full{step.__name__}"
    push(crm, orders(2, name))
    fail_once(monkeypatch, Lake, "append", LakeError("disk full"))
    with pytest.raises(LakeError):
        append(ledger, folder, step)
    assert (count_waiting(ledger) == 2) == (step is handler.append_inbox)
    end_jobs(ledger)
    assert (ask_for_left(ledger) is not None) == (step is handler.append_inbox)
    append(ledger, folder)
    assert (len(ids(folder, name)) == 2) == (step is handler.append_inbox)


def test_a_batch_that_the_lake_refuses_keeps_no_other_one_back(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(crm, orders(1, "stuck"))
    push(crm, [{"owner_id": "w1", "effective_from": "2026-01-01"}], "owners")
    fail_once(monkeypatch, Lake, "append", TableError("a column"))
    with pytest.raises(TableError):
        append(ledger, folder)
    assert count_waiting(ledger) == 1
    assert len(stored(folder, "owners")) == 1
    assert ask_for_left(ledger) is None  # the job has not ended yet
    end_jobs(ledger)
    assert ask_for_left(ledger) is not None
    append(ledger, folder)
    assert ids(folder, "stuck") == ["stuck0"]


def test_nothing_is_asked_for_when_nothing_was_left(ledger: Ledger, folder: Path) -> None:
    append(ledger, folder)
    assert ask_for_left(ledger) is None


def test_a_late_try_of_a_batch_that_is_done_changes_nothing(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    push(crm, orders(2, "late"))
    late = seal_batches(ledger)
    append(ledger, folder)
    before = batches(folder)
    assert read_batch(ledger, late[0]) == []
    with ledger.writing() as connection:
        mark_appended(connection, late, by="x")
    assert batches(folder) == before


def test_a_row_pushed_while_a_job_runs_has_a_job_of_its_own(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    first = push(crm, [order("r1")]).json()["job_id"]
    assert push(crm, [order("r2")]).json()["job_id"] == first
    task = take_job(ledger, folder)
    assert task is not None
    assert push(crm, [order("r3")]).json()["job_id"] != first
    child._end(task, handler.append_inbox(task))
    append(ledger, folder)
    assert len(ids(folder, "r")) == 3


def test_each_sender_sees_the_job_of_its_own_push(ledger: Ledger, folder: Path) -> None:
    one, other = open_crm(folder, ledger), open_crm(folder, ledger)
    jobs_told = [(client, push(client, [order("z")]).json()["job_id"]) for client in (one, other)]
    assert all(client.get(f"/v1/jobs/{job}").status_code == 200 for client, job in jobs_told)
    append(ledger, folder)


def test_old_numbers_with_other_rows_are_another_batch(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    """A ledger that was restored from a backup counts from an older row on."""
    append(ledger, folder)
    push(crm, [order("y1")])
    with ledger.writing() as connection:
        connection.execute(update(inbox).values(id=9_000))
    append(ledger, folder)
    push(crm, [order("y2")])
    with ledger.writing() as connection:
        connection.execute(update(inbox).values(id=9_000))
        connection.execute(delete(inbox_batches))
    append(ledger, folder)
    assert ids(folder, "y") == ["y1", "y2"]


def test_new_scores_are_asked_for_once_the_rows_are_in(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    append(ledger, folder)
    wanted = select(jobs.c.id).where(jobs.c.kind == "rescore")
    push(crm, [order("q0")])
    append(ledger, folder)
    with ledger.reading() as connection:
        assert connection.scalars(wanted).all() == []
    for name in ("q1", "q2"):
        push(crm, [order(name)], rescore=True)
        with ledger.reading() as connection:
            assert len(connection.scalars(wanted).all()) == (name == "q2")
        append(ledger, folder)
    with ledger.reading() as connection:
        assert len(connection.scalars(wanted).all()) == 1


def test_scores_are_not_made_anew_again_and_again(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    push(crm, [order("r0")], rescore=True)
    append(ledger, folder)
    task = take_job(ledger, folder, "rescore")
    assert task is not None
    push(crm, [order("r1")], rescore=True)
    append(ledger, folder)
    assert take_job(ledger, folder, "rescore") is None
    end_jobs(ledger)
    with ledger.reading() as connection:
        begun, due = connection.execute(
            select(func.max(jobs.c.started_at), func.max(jobs.c.due_at)).where(
                jobs.c.kind == "rescore"
            )
        ).one()
    assert due - begun == timedelta(minutes=RESCORE_PAUSE_MINUTES)


def dying_after(step: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A step that is done so often, and then kills."""
    left = iter(range(count))

    def do(*given: Any) -> Any:
        if next(left, None) is None:
            raise LakeError("died")
        return step(*given)

    return do


def test_a_long_job_that_dies_has_got_on(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, folder)
    for amount in (1, 2, 3):  # of one key: three batches
        push(crm, [order("g1", amount_minor=amount)])
    with monkeypatch.context() as patch:
        patch.setattr(handler, "GROUP_COUNT", 1)
        patch.setattr(handler, "_append", dying_after(handler._append, 2))
        with pytest.raises(LakeError):
            append(ledger, folder)
    assert count_waiting(ledger) == 1
    end_jobs(ledger)
    ask_for_left(ledger)
    append(ledger, folder)
    assert amounts(folder, "g1") == [1, 2, 3]


def is_taken_too_early(crm: Client, ledger: Ledger, folder: Path) -> bool:
    """Whether a job is begun while a push that counts on it is still being written."""
    push(crm, [order("w1")])
    with ledger.writing() as connection:
        enqueue(connection, JOB, {}, by=name_of(crm), dedup=name_of(crm))
        task = take_job(ledger, folder)
    append(ledger, folder)
    return task is not None


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_job_waits_for_the_pushes_that_count_on_it(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    assert not is_taken_too_early(crm, ledger, folder)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_planted_job_that_nobody_holds_is_caught(
    crm: Client, ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Select, "with_for_update", lambda self, **_: self)
    assert is_taken_too_early(crm, ledger, folder)
