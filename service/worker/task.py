"""What a handler of jobs is given, and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ledger.engine import Ledger
from ledger.job_claims import report_progress
from ledger.job_leases import Lease
from ledger.jobs import Job
from lifecycle.errors import ConflictError, LedgerError
from lifecycle.periods import FiscalCalendar

REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class Home:
    """Where a company's things are, and how it counts: what the door read from the settings.

    Attributes
    ----------
    data_dir
        Folder of the lake, the bundles and the pepper.
    ledger_address
        SQLAlchemy URL.
    zone, calendar
        In which days begin, and when fiscal quarters do.
    currency
        ISO 4217 code of its money.
    synthetic
        The facts are made up.
    memory_bytes
        How much a job may hold.
    stale_after_days, refuse_after_days
        From when on scores say that they are old, and are not given any more.
    """

    data_dir: Path
    ledger_address: str
    zone: ZoneInfo
    calendar: FiscalCalendar
    currency: str = "USD"
    synthetic: bool = False
    memory_bytes: int = 4096 * 2**20
    stale_after_days: int = 30
    refuse_after_days: int = 90


@dataclass
class Task:
    """One try of a job, inside its own process."""

    job: Job
    lease: Lease
    ledger: Ledger
    home: Home
    _told_at: float = field(default=float("-inf"), repr=False)

    def report(self, share: float, message: str) -> None:
        """Say how far it is (0-1) and what is being done; more than one a second are dropped.

        Raises
        ------
        ConflictError
            The job was taken over: go no further.
        """
        if time.monotonic() - self._told_at < REPORT_SECONDS:
            return
        self._told_at = time.monotonic()
        try:
            with self.ledger.writing() as connection:
                report_progress(connection, self.lease, share, message)
        except ConflictError:
            raise
        except LedgerError:
            with suppress(LedgerError):  # a ledger that is busy or full is no reason to fail
                self.ledger.close()


@dataclass(frozen=True)
class Answer:
    """What a handler gives back.

    Attributes
    ----------
    message
        One line for people.
    content, media
        Bytes to keep for a week, in chunks, and their media type; ``None`` if there are none.
    effect
        Writes into the ledger that happen in the transaction in which the job becomes done: with
        it or not at all, and once.
    """

    message: str = ""
    content: Iterable[bytes] | None = None
    media: str = "application/json"
    effect: Callable[[Any], None] | None = None
