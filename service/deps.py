"""What routes share: the open ledger, the pepper, and the little remembered between requests."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from ledger.deal_outcomes import count_deal_outcomes
from ledger.deal_record import DealRecord, read_deal_record
from ledger.engine import Ledger, attach_ledger, ledger_path
from ledger.keys import load_pepper
from ledger.runs import Run, read_run
from ledger.scores import read_scored_models
from ledger.track_record import TrackRecord, count_outcomes, read_track_record
from lifecycle.limits import NO_PACE, Limits
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar
from service.shapes import is_stale
from service.webhook_address import PUBLIC_ONLY, Reach

REMEMBERED_RUNS = 64


@dataclass(frozen=True)
class Options:
    """How the service answers.

    Attributes
    ----------
    data_dir
        Folder of the pepper file.
    stale_after_days
        An answer whose ``as_of`` lies further back says ``stale: true``.
    calendar
        When fiscal years and quarters begin.
    synthetic
        The facts are made up: every answer says so.
    limits
        How much is taken on; without them nobody's pace is watched.
    refuse_after_days
        Scores computed, and models trained, longer ago than this are refused by `POST /v1/scores`.
    otel_endpoint
        Collector that spans of requests are sent to; none if empty.
    reach
        Where webhooks may be sent.
    currency
        ISO 4217 code of all money.
    """

    data_dir: Path
    stale_after_days: int = 30
    calendar: FiscalCalendar = CALENDAR_YEAR
    synthetic: bool = False
    limits: Limits = NO_PACE
    refuse_after_days: int = 90
    otel_endpoint: str = ""
    reach: Reach = PUBLIC_ONLY
    currency: str = "USD"


@dataclass(frozen=True)
class Speaker:
    """One release that scored in a run."""

    model: str
    horizon_days: int
    release_id: int
    version: str
    candidate: str


@dataclass(frozen=True)
class Spoken:
    """A published run and the releases that spoke in it."""

    run: Run
    speakers: list[Speaker]

    def version(self, model: str) -> str:
        """Return the version of a model in the run; several (one per route) are joined."""
        return ",".join(sorted({one.version for one in self.speakers if one.model == model}))

    @cached_property
    def versions(self) -> dict[int, str]:
        """The version of each release."""
        return {one.release_id: one.version for one in self.speakers}

    @cached_property
    def quoted_versions(self) -> dict[int, str]:
        """The version of each release, as JSON text."""
        return {release_id: json.dumps(version) for release_id, version in self.versions.items()}

    @cached_property
    def quoted_head(self) -> str:
        """The JSON members that say how old an answer is, all but ``stale``."""
        data, made = (
            moment.isoformat().replace("+00:00", "Z")
            for moment in (self.run.data_as_of, self.run.started_at)
        )
        return f'"as_of":"{self.run.as_of.isoformat()}","data_as_of":"{data}","scored_at":"{made}"'


class Service:
    """One web process's connections; opened at the first request that needs them.

    A ledger that is missing at the start is looked for again at each request, so that the service
    becomes ready by itself once it has been made.
    """

    def __init__(self, address: str, options: Options) -> None:
        self.options = options
        self._address = address
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._pepper: bytes | None = None
        self._spoken: dict[int, Spoken] = {}
        self._records: dict[str, tuple[int, list[TrackRecord]]] = {}
        self._deal_record: tuple[int, list[DealRecord]] | None = None

    @property
    def ledger(self) -> Ledger:
        """The open ledger.

        Raises
        ------
        LedgerError
            It is missing, or its tables are not those of this version.
        """
        if self._ledger is None:
            with self._lock:
                if self._ledger is None:
                    self._ledger = attach_ledger(self._address)
        return self._ledger

    @cached_property
    def is_local(self) -> bool:
        """Whether the ledger is a file here, whose readers wait for nobody.

        Raises
        ------
        UsageError
            Its address is of no kind that is known.
        """
        return ledger_path(self._address) is not None

    @property
    def pepper(self) -> bytes:
        """The secret under which keys and cursors are signed.

        Raises
        ------
        LedgerError
            It is missing (no key was ever made) or others may read it.
        """
        if self._pepper is None:
            self._pepper = load_pepper(self.options.data_dir, create=False)
        return self._pepper

    def is_stale(self, as_of: date, data_as_of: datetime, *, now: datetime | None = None) -> bool:
        """Say whether an answer of that day, or its newest fact, is too old to be fresh."""
        limit = self.options.stale_after_days
        return is_stale(as_of, data_as_of, stale_after_days=limit, now=now)

    def freshness(self, run: Run, model_version: str) -> dict[str, object]:
        """Return the fields that say how old an answer read from a run is."""
        return {
            "as_of": run.as_of,
            "data_as_of": run.data_as_of,
            "scored_at": run.started_at,
            "model_version": model_version,
            "stale": self.is_stale(run.as_of, run.data_as_of),
            "synthetic": self.options.synthetic,
        }

    def spoken(self, run_id: int) -> Spoken:
        """Return a published run and what spoke in it; remembered, for a run is closed."""
        found = self._spoken.get(run_id)
        if found is None:
            if len(self._spoken) >= REMEMBERED_RUNS:
                self._spoken.clear()
            run, rows = read_run(self.ledger, run_id), read_scored_models(self.ledger, run_id)
            found = Spoken(run, [Speaker(**row) for row in rows])
            self._spoken[run_id] = found
        return found

    def track_record(self, model: str) -> list[TrackRecord]:
        """Return how right a model's issued scores were; reckoned anew when outcomes came in."""
        counted = count_outcomes(self.ledger)
        found = self._records.get(model)
        if found is None or found[0] != counted:
            found = self._records[model] = (counted, read_track_record(self.ledger, model))
        return found[1]

    def deal_record(self) -> list[DealRecord]:
        """Return how right issued chances of deals were; reckoned anew when outcomes came in."""
        counted = count_deal_outcomes(self.ledger)
        if self._deal_record is None or self._deal_record[0] != counted:
            self._deal_record = (counted, read_deal_record(self.ledger))
        return self._deal_record[1]

    def close(self) -> None:
        """Give the connections back."""
        if self._ledger is not None:
            self._ledger.close()


def find_service(request: Request) -> Service:
    """Return the application's `Service`."""
    service: Service = request.app.state.service
    return service


async def _give_service(request: Request) -> Service:
    return find_service(request)  # as a coroutine: a plain function would cost a thread switch


ServiceHere = Annotated[Service, Depends(_give_service)]
