"""What routes share: the open ledger, the pepper, and the little remembered between requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from ledger.engine import Ledger, attach_ledger
from ledger.keys import load_pepper
from ledger.runs import Run
from ledger.scores import read_scored_models
from service.shapes import is_stale

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
    first_month
        1-12, the month in which the fiscal year starts.
    """

    data_dir: Path
    stale_after_days: int = 30
    first_month: int = 1


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
        self._versions: dict[tuple[int, str], str] = {}

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

    def is_stale(self, as_of: date) -> bool:
        """Say whether an answer of that day is too old to be called fresh."""
        return is_stale(as_of, self.options.stale_after_days)

    def freshness(self, run: Run, model_version: str) -> dict[str, object]:
        """Return the fields that say how old an answer read from a run is."""
        return {
            "as_of": run.as_of,
            "data_as_of": run.data_as_of,
            "scored_at": run.started_at,
            "model_version": model_version,
            "stale": self.is_stale(run.as_of),
        }

    def model_version(self, run: Run, model: str) -> str:
        """Return the version(s) of a model that spoke in a run; remembered, for a run is closed."""
        key = (run.run_id, model)
        if key not in self._versions:
            if len(self._versions) >= REMEMBERED_RUNS:
                self._versions.clear()
            rows = read_scored_models(self.ledger, run.run_id)
            versions = {str(row["version"]) for row in rows if row["model"] == model}
            self._versions[key] = ",".join(sorted(versions))
        return self._versions[key]

    def close(self) -> None:
        """Give the connections back."""
        if self._ledger is not None:
            self._ledger.close()


def find_service(request: Request) -> Service:
    """Return the application's `Service`."""
    service: Service = request.app.state.service
    return service


ServiceHere = Annotated[Service, Depends(find_service)]
