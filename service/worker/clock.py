"""The time that jobs and the schedule go by: never ahead of what really passed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

JUMP_SECONDS = 60.0


def steady_seconds() -> float:
    """Return seconds that only ever go on, also while the machine sleeps."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class SteadyClock:
    """A clock that begins at the machine's time and then counts what passed.

    A machine's clock that jumps ahead is not followed: nothing begins early. One that is set back
    is followed: what was begun too early would otherwise go on to be early.

    Parameters
    ----------
    wall, steady
        Seconds since 1970 by the machine's clock, and seconds that only ever go on.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_seconds,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()

    def seconds(self) -> float:
        """Return steady seconds, for leases and deadlines."""
        return self._steady()

    def now(self) -> datetime:
        """Return the UTC instant that is due."""
        passed = self._offset + self._steady()
        return datetime.fromtimestamp(min(passed, self._wall()), UTC)

    @property
    def jumped_seconds(self) -> float:
        """How far the machine's clock has jumped since the start; 0 while it has not."""
        jump = self._wall() - self._offset - self._steady()
        return jump if abs(jump) > JUMP_SECONDS else 0.0
