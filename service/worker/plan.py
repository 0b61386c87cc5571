"""How one worker works: what the door decided for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from service.worker.clock import SteadyClock
from service.worker.handlers import HANDLERS, longest_seconds
from service.worker.watch import LEASE_SECONDS, RENEW_SECONDS

FIRST_WAIT = timedelta(seconds=30)
WAIT_GROWS = 4
GRACE_SECONDS = 25.0


@dataclass(frozen=True)
class Pace:
    """How often a worker looks, in seconds; tests make them short."""

    look: float = 0.5
    renew: float = RENEW_SECONDS
    lease: float = LEASE_SECONDS
    schedule: float = 20.0
    tidy: float = 3600.0
    grace: float = GRACE_SECONDS
    first_wait: timedelta = FIRST_WAIT

    def wait_after(self, tries: int) -> timedelta:
        """Return how long a job waits after so many failed tries: 30 s, then 2 minutes."""
        return self.first_wait * int(WAIT_GROWS ** (tries - 1))


@dataclass(frozen=True)
class Plan:
    """One worker.

    Attributes
    ----------
    name
        Machine and process.
    command, environment
        What starts a job's process, and its environment; the lease is added to it.
    concurrency
        How many jobs run at a time.
    kinds
        What it takes.
    longest
        After how many seconds a try of a kind is ended.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    concurrency: int = 1
    kinds: frozenset[str] = frozenset(HANDLERS)
    longest: Callable[[str], float] = longest_seconds
    pace: Pace = field(default_factory=Pace)
    clock: SteadyClock = field(default_factory=SteadyClock)
