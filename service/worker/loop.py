"""The worker: takes jobs, keeps their leases, ends their tries, and stops in good order.

One thread, one round after the other. Whatever fails because the ledger is locked, full or gone is
done in a later round; nothing is remembered only here but what the ledger can do without.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from ledger.engine import Ledger
from ledger.inbox import ask_for_left
from ledger.job_claims import claim, end_cancelled, fail, give_back, is_any_due, take_back
from ledger.job_leases import read_leases, renew_lease
from ledger.job_results import drop_results
from ledger.jobs import read_job
from ledger.workers import WorkerSeen, forget_worker, write_heartbeat
from lifecycle.crashpoint import crashpoint
from lifecycle.errors import ConflictError, TruecastError
from service.logs import tell
from service.worker.plan import Plan
from service.worker.running import Running
from service.worker.schedule import Schedule
from service.worker.watch import LeaseWatch

LOG = logging.getLogger("truecast.worker")
HOPELESS = frozenset({2, 3, 4})
"""Exit codes that another try would give again: usage, refused by policy, the data."""


class Worker:
    """Does jobs until it is told to stop.

    Parameters
    ----------
    ledger
        Where the jobs are.
    plan
        What it takes, how it starts a job, how often it looks.
    schedule
        What is begun by itself.
    """

    def __init__(self, ledger: Ledger, plan: Plan, schedule: Schedule) -> None:
        self.ledger, self.plan, self.schedule = ledger, plan, schedule
        self.running: list[Running] = []
        self._stopping = threading.Event()
        self._stop_at: float | None = None
        self._watch = LeaseWatch(plan.pace.lease)
        self._started_at = plan.clock.now()
        self._next: dict[str, float] = {}

    def stop(self) -> None:
        """Take no more jobs; the running ones have the grace to end. Twice: none."""
        grace = 0.0 if self._stopping.is_set() else self.plan.pace.grace
        self._stop_at = self.plan.clock.seconds() + grace
        self._stopping.set()

    def run(self, *, once: bool = False) -> None:
        """Work until stopped or, with ``once``, until nothing that is due is left."""
        tell(LOG, "worker.start", worker=self.plan.name)
        while not self._is_over(once=once):
            self.look()
            self._stopping.wait(self.plan.pace.look)
            if self._stopping.is_set():
                threading.Event().wait(min(self.plan.pace.look, 0.1))
        for one in list(self.running):
            self._hand_back(one)
        with suppress(TruecastError), self.ledger.writing() as connection:
            forget_worker(connection, self.plan.name)
        tell(LOG, "worker.stop", worker=self.plan.name)

    def look(self) -> None:
        """Do one round."""
        for one in list(self.running):
            self._try(lambda one=one: self._attend(one))  # type: ignore[misc]
        self._every("beat", self.plan.pace.renew, self._beat)
        self._try(self._take_back_dead)
        if self._stopping.is_set():
            return
        self._every("schedule", self.plan.pace.schedule, self._ask_for_due)
        self._every("tidy", self.plan.pace.tidy, self._tidy)
        while len(self.running) < self.plan.concurrency and self._try(self._take_one):
            pass

    # a job's life

    def _take_one(self) -> bool:
        now, kinds = self.plan.clock.now(), self.plan.kinds
        with self.ledger.reading() as connection:
            if not is_any_due(connection, kinds, now=now):
                return False
        with self.ledger.writing() as connection:
            found = claim(connection, self.plan.name, kinds, now=now)
            crashpoint("job.claiming")
        if found is None:
            return False
        crashpoint("job.claimed")
        job, lease = found
        one = Running(job, lease, started_at=self.plan.clock.seconds())
        self.running.append(one)
        try:
            one.start(self.plan.command, self.plan.environment)
        except OSError as error:  # no memory or no handles left: its try ends in the next round
            LOG.warning("job %d cannot be started: %s", job.job_id, error.strerror)
        tell(LOG, "job.begun", job_id=job.job_id, kind=job.kind, tries=job.tries)
        return True

    def _attend(self, one: Running) -> None:
        """Look after one running job: its end, a wish to cancel it, its time, its lease."""
        code, at = one.code, self.plan.clock.seconds()
        if code is not None:
            self._settle(one, code)
        elif self._is_cancelled(one):
            one.kill()
            with suppress(ConflictError), self.ledger.writing() as connection:
                end_cancelled(connection, one.lease, now=self.plan.clock.now())
            self._forget(one, "cancelled")
        elif at - one.started_at > self.plan.longest(one.job.kind):
            one.kill()
            self._end_try(one, f"ended after {at - one.started_at:,.0f} s, its longest time")
        elif at - one.renewed_at >= self.plan.pace.renew:
            with self.ledger.writing() as connection:
                held = renew_lease(connection, one.lease)
            one.renewed_at = at
            if not held:
                self._forget(one, "lost to another worker")

    def _settle(self, one: Running, code: int) -> None:
        if code == 0:
            self._forget(one, "ended")
            return
        said = one.last_line or f"its process ended with {code}"
        self._end_try(one, said, hopeless=code in HOPELESS)

    def _end_try(self, one: Running, message: str, *, hopeless: bool = False) -> None:
        now = self.plan.clock.now()
        again_at = None if hopeless else now + self.plan.pace.wait_after(one.job.tries)
        with suppress(ConflictError), self.ledger.writing() as connection:
            fail(connection, one.lease, message, now=now, again_at=again_at)
        self._forget(one, "failed")

    def _hand_back(self, one: Running) -> None:
        """Let a job that has not ended wait for another worker, as if it had not been begun."""
        one.kill()
        with suppress(TruecastError), self.ledger.writing() as connection:
            give_back(connection, one.lease)
        self._forget(one, "handed back")

    def _forget(self, one: Running, how: str) -> None:
        one.close()
        self.running.remove(one)
        tell(LOG, "job.left", job_id=one.job.job_id, kind=one.job.kind, how=how)

    def _is_cancelled(self, one: Running) -> bool:
        job = read_job(self.ledger, one.job.job_id)
        return job is not None and job.cancel_asked_at is not None

    # rounds

    def _is_over(self, *, once: bool) -> bool:
        if self.running:
            late = self._stop_at is not None and self.plan.clock.seconds() >= self._stop_at
            return self._stopping.is_set() and late
        return self._stopping.is_set() or (once and "beat" in self._next and not self._is_due())

    def _is_due(self) -> bool:
        with self.ledger.reading() as connection:
            return is_any_due(connection, self.plan.kinds, now=self.plan.clock.now())

    def _beat(self) -> None:
        now = self.plan.clock.now()
        seen = WorkerSeen(self.plan.name, self._started_at, now, len(self.running))
        with self.ledger.writing() as connection:
            write_heartbeat(connection, seen)
        if self.plan.clock.jumped_seconds:
            LOG.warning(
                "the machine's clock jumped by %.0f s; the schedule does not run ahead of the time "
                "that passed: correct the clock, or start the worker again if it is right now",
                self.plan.clock.jumped_seconds,
            )

    def _take_back_dead(self) -> None:
        mine = {one.lease for one in self.running}
        with self.ledger.reading() as connection:
            seen = [one for one in read_leases(connection) if one.lease not in mine]
        for dead in self._watch.find_dead(seen, at=self.plan.clock.seconds()):
            with self.ledger.writing() as connection:
                if take_back(connection, dead, now=self.plan.clock.now()):
                    told = {"job_id": dead.lease.job_id, "worker": dead.worker}
                    tell(LOG, "job.taken_back", level=logging.WARNING, **told)

    def _ask_for_due(self) -> None:
        self.schedule.ask_for_due(self.ledger, now=self.plan.clock.now())

    def _tidy(self) -> None:
        drop_results(self.ledger, now=self.plan.clock.now())
        ask_for_left(self.ledger)

    def _every(self, name: str, seconds: float, step: Callable[[], object]) -> None:
        at = self.plan.clock.seconds()
        if at >= self._next.get(name, at):
            self._next[name] = at + seconds
            self._try(step)

    def _try(self, step: Callable[[], object]) -> bool:
        """Do a step; what the ledger refuses now is done in a later round."""
        try:
            return bool(step())
        except TruecastError as error:
            LOG.warning("%s", error)
            return False
