"""What is kept of each answer: a count, and one line of the log. Never what was asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ledger.audit import name_subject
from lifecycle.errors import TruecastError
from service.auth import PRINCIPAL
from service.tally import Tally

LOG = logging.getLogger("truecast.requests")
NOBODY = "none"


class Outcome(NamedTuple):
    """How one request ended.

    Attributes
    ----------
    request_id, status
        As the answer carries them.
    seconds
        From the request's head to the last byte of its answer.
    quiet
        Asked all day by machines that watch: logged at ``debug`` only.
    """

    request_id: str
    status: int
    seconds: float
    quiet: bool = False


class Observer:
    """Count and log the answers of one process.

    Parameters
    ----------
    tally
        Where they are counted.
    pepper
        Gives the secret under which people are named, or raises while there is none.
    """

    def __init__(self, tally: Tally, pepper: Callable[[], bytes]) -> None:
        self.tally, self._pepper = tally, pepper

    def note(self, scope: Mapping[str, Any], outcome: Outcome) -> None:
        """Keep how a request ended: its route's template, never its path or its query."""
        route = getattr(scope.get("route"), "path", NOBODY)
        caller = scope.get(PRINCIPAL)
        role = NOBODY if caller is None else caller.role
        method = scope["method"]
        self.tally.add((method, route, outcome.status, role), outcome.seconds)
        level = logging.DEBUG if outcome.quiet else logging.INFO
        if not LOG.isEnabledFor(level):
            return
        told = {
            "event": "request",
            "request_id": outcome.request_id,
            "method": method[:16],
            "route": route,
            "status": outcome.status,
            "duration_ms": round(outcome.seconds * 1_000, 3),
            "caller": NOBODY if caller is None else self._name(caller.name),
            "role": role,
        }
        # without the search for the calling line, which costs as much as the rest
        record = LOG.makeRecord(LOG.name, level, "", 0, "request", (), None, extra={"told": told})
        LOG.handle(record)

    def _name(self, name: str) -> str:
        """Return a key's id as it is, and a person as the audit log's keyed hash."""
        if name.startswith("key:"):
            return name
        try:
            return name_subject(self._pepper(), name)
        except TruecastError:
            return "user"
