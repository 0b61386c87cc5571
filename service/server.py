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
    """Close a connection that has not sent a whole request head within the deadline."""

    header_seconds = HEADER_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop waiting once a request has begun."""
        super().handle_events()
        cycle: Any = self.cycle  # none before the first request, whatever its annotation says
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Wait for the next request; a pipelined one stops the wait at once."""
        self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.header_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def bind_port(host: str, port: int) -> socket.socket:
    """Take a port before anything else is done.

    Raises
    ------
    TruecastError
        Another process has it, or the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family)
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
