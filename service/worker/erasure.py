"""The job that forgets a person."""

from __future__ import annotations

import json

from ledger.audit import Actor
from ledger.erasure import settle
from service.erasure import STEPS, erase_subject
from service.worker.task import Answer, Task


class _Reports:
    """Tells the job how far it is."""

    def __init__(self, task: Task) -> None:
        self._task, self._done = task, 0.0

    def advance(self, amount: float = 1) -> None:
        self._done += amount
        self._task.report(self._done / STEPS, "writing tables anew")


def erase(task: Task) -> Answer:
    """Forget the person that the payload names; one that names nobody did it in an earlier try.

    Raises
    ------
    LakeError, LedgerError
        Something cannot be read or written: another try ends it.
    """
    subject = task.job.payload.get("subject")
    if subject is None:
        settle(task.ledger)  # which the earlier try may not have come to
        return Answer("forgotten")
    by = Actor(task.job.created_by)
    report = erase_subject(
        task.home.data_dir, task.ledger, str(subject), by=by, ticker=_Reports(task)
    )
    return Answer("forgotten", [json.dumps(report.told()).encode()])
