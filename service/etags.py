"""``ETag`` and 304: an answer that the caller already has is not sent again.

The tag is a digest of the answer's bytes, so that it can never be wrong about what has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_DROPPED = {b"content-length", b"content-type"}


class TaggedSend:
    """Hold an answer's head back until its body is there, then send both, or 304.

    Parameters
    ----------
    send
        Where answers go.
    known
        The caller's ``If-None-Match``; empty if there is none.
    """

    def __init__(self, send: Send, known: bytes) -> None:
        self._send, self._known = send, known
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Pass a message on, once it is known what it says."""
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None and not message.get("more_body", False):
            tag = write_tag(message["body"])
            head["headers"] = [*head["headers"], (b"etag", tag), (b"cache-control", _KEEP)]
            if is_known(tag, self._known):
                kept = [pair for pair in head["headers"] if pair[0] not in _DROPPED]
                head["status"], head["headers"], message["body"] = 304, kept, b""
        if head is not None:
            await self._send(head)
        await self._send(message)


_KEEP = b"private, no-cache"


def write_tag(body: bytes) -> bytes:
    """Return the tag of an answer."""
    return b'"%s"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode()


def is_known(tag: bytes, known: bytes) -> bool:
    """Say whether a tag is among those of an ``If-None-Match`` header.

    Examples
    --------
    >>> is_known(b'"a"', b'W/"a", "b"'), is_known(b'"a"', b'"b"'), is_known(b'"a"', b"")
    (True, False, False)
    """
    return any(one.strip().removeprefix(b"W/") in {tag, b"*"} for one in known.split(b","))
