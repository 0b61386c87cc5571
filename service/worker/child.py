"""One try of a job, inside the process that the worker started for it alone."""

from __future__ import annotations

import gc

from ledger.engine import attach_ledger
from ledger.job_effects import held_lease
from ledger.job_leases import check_lease
from ledger.job_results import write_result
from ledger.jobs import finish, reread_job
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import LedgerError, UsageError
from lifecycle.processes import stay_in_bounds
from service.sight import check_asker
from service.worker.handlers import find_handler
from service.worker.task import Answer, Home, Task


def run_held_job(home: Home) -> None:
    """Do the job whose lease this process holds, and end it with what it changed.

    Raises
    ------
    UsageError
        The process holds no lease: a worker starts it, nobody else.
    LedgerError
        The job needs more memory than it may have.
    RefusedError
        Who asked for it may not see by now what it would give.
    TruecastError
        What the handler raises. The job is then still this worker's, which ends the try.
    """
    lease = held_lease()
    if lease is None:
        raise UsageError(
            "a job without a lease", "a worker that gives one", "run `truecast worker`"
        )
    stay_in_bounds(home.memory_bytes)
    ledger = attach_ledger(home.ledger_address)
    with ledger.writing() as connection:  # the look at the lease holds its row
        check_lease(connection, lease)
        job = reread_job(connection, lease.job_id)
    check_asker(ledger, job)
    task = Task(job, lease, ledger, home)
    try:
        answer = find_handler(job.kind)(task)
    except MemoryError as error:
        gc.collect()
        raise LedgerError(
            f"job {job.job_id} needs more than {home.memory_bytes >> 20:,} MB",
            "less data at a time",
            "raise TRUECAST_JOB_MEMORY_MB, or ask for less",
        ) from error
    crashpoint("job.answered")
    _end(task, answer)
    ledger.close()


def _end(task: Task, answer: Answer) -> None:
    result = None
    if answer.content is not None:
        result = write_result(task.ledger, task.lease, answer.content, media=answer.media)
    crashpoint("job.kept")
    with task.ledger.writing() as connection:
        if answer.effect is not None:
            answer.effect(connection)
        finish(connection, task.lease, message=answer.message, result=result)
        crashpoint("job.finishing")
    crashpoint("job.finished")
