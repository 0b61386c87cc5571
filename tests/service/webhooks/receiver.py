"""A receiver of webhooks on this machine that answers as it is told, and a courier that may reach
it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ledger.audit import Actor
from ledger.engine import Ledger
from ledger.webhook_events import tell_test
from ledger.webhooks import Webhook, WebhookRequest, add_webhook
from service.webhook_address import Reach
from service.worker.courier import Courier
from tests.service.worker.trials import HandClock

HERE = Reach(http=True, private=True)
BY = Actor("cli:ann")
Answer = int | Callable[[Any], None]
"""A status, or what is done with the open connection instead."""


@dataclass(frozen=True)
class Got:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def delivery_id(self) -> str:
        return self.headers["Truecast-Delivery"]


class Receiver:
    """Keeps what it gets; answers ``answers`` one after the other, then 200."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: list[Answer] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(Got(self.path, dict(self.headers), body))
                answer = outer.answers.pop(0) if outer.answers else 200
                if callable(answer):
                    answer(self)
                    return
                self.send_response(answer)
                if answer == 302:
                    self.send_header("Location", f"{outer.url}/elsewhere")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """Take connections over TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def listen(ledger: Ledger, url: str, **wanted: Any) -> Webhook:
    with ledger.writing() as connection:
        return add_webhook(connection, WebhookRequest(url, **wanted), BY)


def tell(ledger: Ledger, webhook: Webhook) -> str:
    with ledger.writing() as connection:
        return tell_test(connection, webhook)


def open_courier(ledger: Ledger, folder: Path, hand: HandClock, **changed: Any) -> Courier:
    return Courier(ledger, folder, **{"reach": HERE, "clock": hand.clock, **changed})
