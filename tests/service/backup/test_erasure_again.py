"""A person who is sent again while being forgotten is forgotten again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.engine import Ledger
from ledger.job_effects import hold, let_go
from ledger.jobs import finish, read_job
from lifecycle.errors import LedgerError
from service.worker.handlers import find_handler
from service.worker.task import Task
from tests.builders import build_lake, fact
from tests.service.backup.test_erasure_job import ASKED, NOW, begin
from tests.service.backup.test_erasure_job import admin as admin
from tests.service.backup.test_erasure_job import ledger as ledger
from tests.service.conftest import Client
from tests.service.test_jobs import post


@pytest.fixture(autouse=True)
def nothing_is_held() -> Iterator[None]:
    yield
    let_go()


def begin_held(ledger: Ledger, folder: Path) -> Task:
    task = begin(ledger, folder)
    hold(task.lease)
    return task


def work(task: Task) -> dict[str, Any] | None:
    """Do a job to its end, as its process does; return what it told."""
    answer = find_handler("erase")(task)
    with task.ledger.writing() as connection:
        finish(connection, task.lease, message=answer.message)
    return None if answer.content is None else json.loads(b"".join(answer.content))


def test_a_person_sent_again_is_forgotten_by_the_second_job(
    admin: Client, ledger: Ledger, tmp_path: Path
) -> None:
    post(admin, "/v1/erasures", ASKED, key="e1")
    first = begin_held(ledger, tmp_path)
    again = post(admin, "/v1/erasures", ASKED, key="e2").json()["job_id"]
    assert again != first.job.job_id
    told = work(first)
    assert told is not None
    assert told["renamed_rows"] == {"contacts": 1}
    contact = fact(NOW, contact_id="who1", account_id="a1")
    build_lake(tmp_path, batch="again", contacts=[contact])
    told = work(begin_held(ledger, tmp_path))
    assert told is not None
    assert told["renamed_rows"] == {"contacts": 1}
    for job_id in (first.job.job_id, again):
        job = read_job(ledger, job_id)
        assert job is not None
        assert set(job.payload) == {"erased"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_try_that_ended_early_is_ended_by_the_next(
    admin: Client, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of writes is where the name would be left."""

    def be_busy(_: Ledger) -> None:
        raise LedgerError("busy")

    post(admin, "/v1/erasures", ASKED, key="e1")
    task = begin_held(ledger, tmp_path)
    monkeypatch.setattr("service.erasure.settle", be_busy)
    with pytest.raises(LedgerError, match="busy"):
        find_handler("erase")(task)
    job = read_job(ledger, task.job.job_id)
    assert job is not None
    files = list(tmp_path.glob("ledger.sqlite*"))
    assert any(b"who1" in one.read_bytes() for one in files)
    find_handler("erase")(Task(job, task.lease, ledger, task.home))
    assert not any(b"who1" in one.read_bytes() for one in files)
