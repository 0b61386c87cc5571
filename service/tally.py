"""What this process has answered so far: how often, how fast, and what it refused.

Plain numbers in a dictionary: a library's counter with labels costs more than all of this.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends (seconds) of the durations that are counted together; the last class has none."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Kind:
    """Which answers are counted together: few kinds, whatever is asked.

    Attributes
    ----------
    method, route
        The template, such as ``/v1/accounts/{account_id}``; ``none`` where no route was reached.
    status
        ``2xx`` to ``5xx``.
    role
        Of who asked; ``none`` where that was not found out.
    """

    method: str
    route: str
    status: str
    role: str


@dataclass
class Durations:
    """How many answers of one kind took how long: counts by `BOUNDS`, and seconds in all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0


class Tally:
    """The counts of one process; read by another thread while they grow."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int, str], Durations] = {}
        self.refusals: Counter[str] = Counter()

    def add(self, kind: tuple[str, str, int, str], seconds: float) -> None:
        """Count one answer.

        Parameters
        ----------
        kind
            Method, route template, status and role.
        seconds
            From the request's head to the last byte of its answer.
        """
        method, route, status, role = kind
        # whatever word a client calls a method: it must not make a new kind
        key = (method if method in METHODS else "other", route, status // 100, role)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = Durations()
        found.counts[bisect_left(BOUNDS, seconds)] += 1
        found.seconds += seconds

    def read(self) -> list[tuple[Kind, Durations]]:
        """Return what was counted by kind."""
        return [
            (Kind(method, route, f"{status}xx", role), durations)
            for (method, route, status, role), durations in list(self._found.items())
        ]
