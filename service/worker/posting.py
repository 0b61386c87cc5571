"""One POST to a receiver that nobody vouches for: to a checked address, ten seconds, no redirect.

The standard library's client is enough: no proxy is asked, no redirect followed, no body read.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress

from ledger.webhook_deliveries import Sent
from lifecycle.errors import TruecastError
from service.webhook_address import Reach, check_url, find_address, port_of

LONGEST_SECONDS = 10.0


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, under the name of the host that it was found for."""

    def __init__(self, host: str, port: int, *, address: str, tls: bool) -> None:
        super().__init__(host, port, timeout=LONGEST_SECONDS)
        self.default_port = 443 if tls else 80
        self._address, self._tls = address, tls

    def connect(self) -> None:
        """Call the address; over TLS it must prove to be the host."""
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._tls:
            context = ssl.create_default_context()
            line = context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = line  # known before the handshake, which may be hung up on too
            line.do_handshake()


def post(url: str, body: bytes, headers: Mapping[str, str], *, reach: Reach) -> Sent:
    """Send a body; only a status of 200 to 299 counts as delivered."""
    try:
        parts = check_url(url, reach)
        host, port = str(parts.hostname), port_of(parts)
        address = find_address(host, port, reach)
        connection = _Pinned(host, port, address=address, tls=parts.scheme == "https")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        status = _ask(connection, path, body, headers)
    except TruecastError as error:
        return Sent(None, f"refused: {error}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Sent(None, f"no answer within {LONGEST_SECONDS:.0f} s: {type(error).__name__}")
    if 200 <= status < 300:
        return Sent(status)
    more = "; redirects are not followed" if 300 <= status < 400 else ""
    return Sent(status, f"answered {status}{more}")


def _ask(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> int:
    """Return the status; whoever answers drop by drop is hung up on when the time is over."""
    late = threading.Event()
    timer = threading.Timer(LONGEST_SECONDS, _hang_up, [connection, late])
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", path, body, dict(headers))
        status = connection.getresponse().status
    finally:
        timer.cancel()
        connection.close()
    if late.is_set():  # to the client an answer that was cut off in its head looks whole
        raise TimeoutError
    return status


def _hang_up(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    line: socket.socket | None = connection.sock
    if line is not None:
        with suppress(OSError):
            # the plain call also where TLS is spoken: that layer's own is not made for two threads
            socket.socket.shutdown(line, socket.SHUT_RDWR)
