"""One request's body on its way in, and its answer on its way out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from service.door import NO_STORE, Pairs
from service.limits import Policy

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Body:
    """The body of one request, and whether all of it has come.

    Attributes
    ----------
    given
        The request's headers that the guard reads.
    whole
        All has come; a request without a body is whole from the start.
    """

    __slots__ = ("_receive", "given", "whole")

    def __init__(self, receive: Receive, given: Mapping[bytes, bytes]) -> None:
        self._receive, self.given = receive, given
        size = given.get(b"content-length", b"")
        self.whole = not size.strip(b"0") and b"transfer-encoding" not in given

    async def receive(self) -> Message:
        """Return the next message."""
        message = await self._receive()
        if not message.get("more_body", False):
            self.whole = True
        return message


class Answer:
    """One answer on its way out: what it carries, and how far it has come.

    Attributes
    ----------
    request_id, policy
        Under which id it is logged, and what it may cost.
    pace
        Headers that tell the caller what it has left.
    unread
        The body that the application may leave lying: the connection is closed then, or somebody
        could go on sending it for ever.
    started, finished, status
        The head, and all of it, has been sent; its status, 499 until then: whoever asked has left.
    """

    __slots__ = (
        "_headers",
        "_send",
        "finished",
        "pace",
        "policy",
        "request_id",
        "started",
        "status",
        "unread",
    )

    def __init__(self, send: Send, request_id: str, policy: Policy, headers: Pairs) -> None:
        self._send, self._headers = send, headers
        self.request_id, self.policy = request_id, policy
        self.pace: Pairs = []
        self.unread: Body | None = None
        self.started = self.finished = False
        self.status = 499

    async def send(self, message: Message) -> None:
        """Add what every answer carries, and send it on."""
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = [*message["headers"], *self._headers, *self.pace]
            headers.append((b"x-request-id", self.request_id.encode()))
            if not (self.policy.tagged and message["status"] in {200, 304}):
                headers.append(NO_STORE)
            closing = self.unread is not None and not self.unread.whole
            if closing or message["status"] == 413:
                headers.append((b"connection", b"close"))
            message["headers"] = headers
        elif message["type"] == "http.response.body":
            self.finished = not message.get("more_body", False)
        await self._send(message)
