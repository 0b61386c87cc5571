"""Who is worked on now, who waits a moment, and who is told at once to come back later.

Past saturation a server that takes everything answers everybody too late. This one works on a few,
lets a few wait, and refuses the rest early: what it takes on, it answers in time.
"""

from __future__ import annotations

import asyncio
from collections import deque

from lifecycle.limits import Limits
from service.limits import Weight
from service.problems import Problem

RETRY_SECONDS = 1


class Admission:
    """The places of one web process.

    Attributes
    ----------
    draining
        The process is about to stop: ``/readyz`` says so, requests are still taken.
    """

    def __init__(self, limits: Limits) -> None:
        self.draining = False
        self._places, self._longest = limits.running, limits.waiting
        self._patience = limits.queue_ms / 1_000
        self._running = 0
        self._waiting: dict[Weight, deque[asyncio.Future[bool]]] = {
            weight: deque() for weight in Weight
        }

    @property
    def running(self) -> int:
        """How many requests are worked on."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._waiting.values()))

    def is_full(self, weight: Weight) -> bool:
        """Say whether `enter` would refuse at once: no place, none to wait in, nobody lighter."""
        if self._running < self._places or self.waiting < self._longest:
            return False
        return not any(queue for one, queue in self._waiting.items() if one > weight)

    def try_enter(self) -> bool:
        """Take a place if one is free: the usual way, without waiting."""
        if self._running >= self._places:
            return False
        self._running += 1
        return True

    async def enter(self, weight: Weight, late: float = 0.0) -> None:
        """Take a place, waiting for it if need be; `leave` must follow.

        Parameters
        ----------
        weight
            Who is let in first, and who gives way when the queue is full.
        late
            Seconds since the request came in: they count as waiting.

        Raises
        ------
        Problem
            503 with ``Retry-After``: no place in time, or none to wait in.
        """
        if late > self._patience:
            raise be_busy()
        if self.try_enter():
            return
        if self.waiting >= self._longest and not self._send_away(weight):
            raise be_busy()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[bool] = loop.create_future()
        queue = self._waiting[weight]
        queue.append(place)
        timer = loop.call_later(self._patience - late, _settle, place, False)
        try:
            taken = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self.leave()
            raise
        finally:
            timer.cancel()
            if place in queue:
                queue.remove(place)
        if not taken:
            raise be_busy()

    def leave(self) -> None:
        """Give the place to whoever weighs most and has waited longest, or free it."""
        for queue in self._waiting.values():
            while queue:
                place = queue.popleft()
                if not place.done():
                    place.set_result(True)
                    return
        self._running -= 1

    def _send_away(self, weight: Weight) -> bool:
        """Refuse the last that waits and weighs less; say whether there was one."""
        for lighter in reversed(Weight):
            if lighter <= weight:
                return False
            while self._waiting[lighter]:
                place = self._waiting[lighter].pop()
                if not place.done():
                    place.set_result(False)
                    return True
        return False


def _settle(place: asyncio.Future[bool], taken: bool) -> None:
    if not place.done():
        place.set_result(taken)


def be_busy() -> Problem:
    """Return the refusal: come back later."""
    detail = "the service has more to do than it can answer in time; ask again in a second"
    return Problem(503, "busy", detail, headers={"retry-after": str(RETRY_SECONDS)})
