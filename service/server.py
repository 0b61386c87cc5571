"""The HTTP server: uvicorn with a deadline for headers, and a stop that loses nobody.

Without the deadline a handful of half-open connections shuts everybody out. It is set again after
every response: the second request of a kept-alive connection may be half-open too.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
import time
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from lifecycle.errors import TruecastError
from lifecycle.limits import NO_PACE, Limits
from service.admission import Admission
from service.door import Door, list_safe_headers, write_problem
from service.guard import ABORT, ARRIVED
from service.problems import Problem

HEADER_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 5
LARGEST_HEADER_BYTES = 16_384
YOUNG_OBJECT_COUNT = 50_000  # one call of a thousand rows makes fewer


class GuardedProtocol(H11Protocol):
    """Close a connection that has not sent a whole request head within the deadline.

    One timer per connection looks at ``_late_at`` now and then; one per request would cost more.
    """

    header_seconds = HEADER_SECONDS
    largest_connection_count = NO_PACE.connections
    _late_at: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _surplus = False
    door: Door | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._surplus = len(self.connections) > self.largest_connection_count
        self._wait()
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take what came in; one connection too many is told so, whatever it asks."""
        if self._surplus:
            self.transport.write(_FULL)
            self.transport.close()
            return
        answer = None if self.door is None or not self._is_idle() else self.door.refuse(data)
        if answer is None:
            super().data_received(data)
            return
        self.transport.write(answer)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        self._wait()

    def _is_idle(self) -> bool:
        """Say whether nothing of an earlier request is unread, unanswered or unsent."""
        fresh = self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE
        return fresh and not self.conn.trailing_data[0] and not self.flow.write_paused

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop waiting once a request has begun."""
        super().handle_events()
        cycle: Any = self.cycle  # none before the first request, whatever its annotation says
        if cycle is not None and not cycle.response_complete:
            self._late_at = None
            # what stands in the event loop's queue waits too: the guard counts it as waiting
            scope: Any = self.scope
            scope.setdefault(ARRIVED, self.loop.time())
            scope[ABORT] = self.transport.abort

    def on_response_complete(self) -> None:
        """Wait for the next request; a pipelined one stops the wait at once."""
        self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        self._late_at = self.loop.time() + self.header_seconds

    def _look(self) -> None:
        now = self.loop.time()
        if self._late_at is not None and now >= self._late_at:
            self.transport.close()
            return
        self._timer = self.loop.call_at(self._late_at or now + self.header_seconds, self._look)


def bind_port(host: str, port: int) -> socket.socket:
    """Take a port before anything else is done.

    Raises
    ------
    TruecastError
        Another process has it, or the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol is named, or asyncio would not set TCP_NODELAY and answers would wait for ACKs
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(socket.SOMAXCONN)
    except (OSError, OverflowError) as error:
        taken.close()
        used = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise TruecastError(
            f"port {port} on {host} {'is in use' if used else f'cannot be used ({error})'}",
            "a free port of this machine",
            "stop the other server, or give another --port",
        ) from error
    return taken


class DrainingServer(uvicorn.Server):
    """A server that says that it is about to stop before it stops.

    At SIGTERM ``/readyz`` turns to 503 while requests are still taken, so that whoever distributes
    them goes elsewhere; then no more are taken, and those that run are finished. A second signal
    ends it at once; Ctrl-C by a person skips the wait.

    Parameters
    ----------
    config, limits
        How it serves, and how long each part of stopping takes.
    admission
        Its ``draining`` is what ``/readyz`` looks at.
    """

    def __init__(self, config: uvicorn.Config, limits: Limits, admission: Admission) -> None:
        super().__init__(config)
        self._limits, self._admission = limits, admission
        self._stops_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, or stop at once."""
        self._captured_signals.append(sig)
        if self._admission.draining:
            self.should_exit = self.force_exit = True
            return
        self._admission.draining = True
        wait = 0.0 if sig == signal.SIGINT else self._limits.drain_seconds
        self._stops_at = time.monotonic() + wait

    async def on_tick(self, counter: int) -> bool:
        """Look whether the time to stop has come (ten times a second)."""
        if self._stops_at is not None and time.monotonic() >= self._stops_at:
            self.should_exit = True
        return await super().on_tick(counter)


def calm_collector() -> None:
    """Keep the garbage collector from looking through what start-up made, and from each call.

    For a process that only serves: by Python's defaults a call of a thousand rows was interrupted
    so often that much of its time went there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECT_COUNT, *gc.get_threshold()[1:])


def build_server(app: FastAPI, limits: Limits = NO_PACE) -> DrainingServer:
    """Return a server that announces nothing and waits for nobody for ever.

    Parameters
    ----------
    app
        What `service.app.create_app` returned.
    limits
        How many connections are taken, and how long stopping may take.
    """

    class Protocol(GuardedProtocol):
        largest_connection_count = limits.connections
        door = getattr(app.state, "door", None)

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        log_level="warning",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=LARGEST_HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=limits.shutdown_seconds,
    )
    return DrainingServer(config, limits, app.state.admission)


_FULL = write_problem(
    Problem(
        503,
        "too-many-connections",
        "this process has all the connections that it takes; try again in a second",
        headers={"retry-after": "1", "connection": "close"},
    ),
    "",
    list_safe_headers(NO_PACE),
)
