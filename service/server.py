"""The HTTP server: uvicorn with a deadline for headers, which it lacks by itself.

Without it a handful of half-open connections shuts everybody out. The deadline is set again after
every response: the second request of a kept-alive connection may be half-open too.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from lifecycle.errors import TruecastError

HEADER_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 5
SHUTDOWN_SECONDS = 25
LARGEST_HEADER_BYTES = 16_384
LARGEST_CONNECTION_COUNT = 512


class GuardedProtocol(H11Protocol):
    """Close a connection that has not sent a whole request head within the deadline.

    One timer per connection looks at ``_late_at`` now and then; one per request would cost more.
    """

    header_seconds = HEADER_SECONDS
    _late_at: float | None = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()
        self._look()

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


def build_server(app: FastAPI) -> uvicorn.Server:
    """Return a server that announces nothing and waits for nobody for ever."""
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=LARGEST_HEADER_BYTES,
        limit_concurrency=LARGEST_CONNECTION_COUNT,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)
