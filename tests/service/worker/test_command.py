"""The command as it is typed: it takes a job, does it in a process of its own, and ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.audit_check import HEAD_FILE
from ledger.engine import Ledger
from ledger.job_results import read_result
from ledger.jobs import read_job
from tests.service.conftest import make_key, open_client
from tests.service.test_jobs import post
from truecast import main


def test_a_job_that_was_asked_for_is_done(folder: Path, ledger: Ledger) -> None:
    crm = open_client(folder, make_key(folder, ledger, role="crm"))
    asked = post(crm, "/v1/scores/churn/jobs", {"format": "csv", "all": True}).json()
    assert main(["worker", "--once", "--data-dir", str(folder)]) == 0
    done = read_job(ledger, asked["job_id"])
    assert done is not None
    assert (done.state, done.tries) == ("done", 1), done.message
    assert b"".join(read_result(ledger, done.job_id)).count(b"\n") == 13


def test_a_worker_beside_the_wrong_ledger_takes_nothing(
    folder: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    crm = open_client(folder, make_key(folder, ledger, role="crm"))
    asked = post(crm, "/v1/scores/churn/jobs", {"format": "csv", "all": True}).json()
    head = {"seq": 1, "hash": "f" * 64}
    (folder / HEAD_FILE).write_text(json.dumps(head))
    assert main(["worker", "--once", "--data-dir", str(folder)]) == 3
    assert "correct ledger_url" in capsys.readouterr().err
    left = read_job(ledger, asked["job_id"])
    assert left is not None
    assert left.state == "queued"
