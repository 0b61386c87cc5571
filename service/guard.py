"""The outermost layer: what no request may do, and what every answer carries.

Plain ASGI, because a middleware class around each request costs more than the whole read.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from service.problems import LOG, Problem, render_problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_URL_BYTES = 8_192
LARGEST_QUERY_COUNT = 128
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


class Guard:
    """Wrap an application: request ids, limits, safe headers, and no bare 500."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _find_request_id(scope)
        scope["truecast_request_id"] = request_id
        started = finished = False

        async def send_guarded(message: Message) -> None:
            nonlocal started, finished
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [
                    *message["headers"],
                    *HEADERS,
                    (b"x-request-id", request_id.encode()),
                ]
            elif message["type"] == "http.response.body":
                finished = not message.get("more_body", False)
            await send(message)

        problem = _find_refusal(scope)
        if problem is None:
            try:
                await self._app(scope, receive, send_guarded)
                return
            except Exception:
                LOG.exception("request %s failed", request_id)
                if finished:
                    return  # the application has answered with a problem already
                if started:
                    raise
                problem = Problem(500, "internal", "an unexpected failure; quote the request id")
        await render_problem(problem, request_id)(scope, receive, send_guarded)


def _find_request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)


def _find_refusal(scope: Scope) -> Problem | None:
    query: bytes = scope["query_string"]
    if len(scope.get("raw_path") or b"") + len(query) > LONGEST_URL_BYTES:
        return Problem(414, "url-too-long", f"expected at most {LONGEST_URL_BYTES} bytes")
    if query.count(b"&") >= LARGEST_QUERY_COUNT:
        return Problem(400, "too-many-parameters", f"expected at most {LARGEST_QUERY_COUNT}")
    if b"truecast_live_" in query or b"truecast_test_" in query:
        detail = "a key was found in the URL, where logs keep it; revoke it, and send keys only in"
        return Problem(400, "key-in-url", f"{detail} the header Authorization: Bearer")
    for name, value in scope["headers"]:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")):
            return Problem(413, "body-not-expected", "no route takes a body; send none")
    return None
