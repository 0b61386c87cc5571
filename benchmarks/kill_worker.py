"""What the killed works have in common: a ledger's address, a worker whose jobs are forked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

from ledger.engine import Ledger
from ledger.job_effects import hold
from ledger.jobs import JobFilters, read_jobs
from lifecycle.periods import CALENDAR_YEAR
from lifecycle.processes import die_with_parent
from service.worker import child, handlers, loop
from service.worker.plan import Pace, Plan
from service.worker.running import Running
from service.worker.schedule import Schedule
from service.worker.task import Home

PACE = Pace(look=0.01, renew=0.05, lease=1.0, grace=5.0, first_wait=timedelta(0))


class BrokenError(Exception):
    """What was left behind is neither the state before nor the state after."""


def address(folder: Path) -> str:
    """Return the address of a folder's ledger."""
    return f"sqlite:///{folder / 'ledger.sqlite'}"


def do_all(ledger: Ledger, folder: Path, given: dict[str, str]) -> loop.Worker:
    """Have a worker do all jobs of these kinds (kind to ``module:function``); return it."""
    handlers.HANDLERS = given
    _Forked.home = Home(folder, address(folder), ZoneInfo("UTC"), CALENDAR_YEAR)
    loop.Running = _Forked  # type: ignore[misc]
    plan = Plan(f"w{os.getpid()}", (), {}, kinds=frozenset(given), pace=PACE)
    worker = loop.Worker(ledger, plan, Schedule((), ZoneInfo("UTC"), CALENDAR_YEAR))
    worker.run(once=True)
    return worker


def is_any_left(ledger: Ledger) -> bool:
    """Say whether a job waits or runs."""
    filters = (JobFilters(state="queued"), JobFilters(state="running"))
    return any(read_jobs(ledger, one, limit=1) for one in filters)


class _Forked(Running):
    """A job's process that is forked instead of started anew: 200 starts of Python are saved."""

    home: ClassVar[Home]

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Fork, and do the job there."""
        self._pid = os.fork()
        self._code: int | None = None
        if self._pid == 0:
            die_with_parent()
            hold(self.lease)
            try:
                child.run_held_job(replace(self.home))
                os._exit(0)
            except BaseException:
                os._exit(1)

    @property
    def code(self) -> int | None:
        """Its exit code; ``None`` while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def close(self) -> None:
        """It has ended."""
