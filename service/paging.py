"""Signed cursors: where a list was left, for one caller, one question and one day."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

from service.problems import Problem

CURSOR_SECONDS = 24 * 3600
_MAC_BYTES = 16


@dataclass(frozen=True)
class Question:
    """What a cursor belongs to: the caller's key, the list, its filters and order."""

    key_id: str
    path: str
    asked: dict[str, Any]

    def digest(self) -> str:
        """Return a short digest; another caller, filter or order gives another."""
        text = json.dumps([self.key_id, self.path, self.asked], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def seal_cursor(pepper: bytes, question: Question, position: list[Any]) -> str:
    """Return the cursor text of a position; floats come back as the same bits."""
    payload = json.dumps(
        [question.digest(), _this_hour(), *position], separators=(",", ":")
    ).encode()
    return base64.urlsafe_b64encode(_mac(pepper, payload) + payload).decode().rstrip("=")


def open_cursor(pepper: bytes, question: Question, text: str) -> list[Any]:
    """Return the position in a cursor.

    Raises
    ------
    Problem
        400: it was changed, is older than a day, or belongs to another question or caller.
    """
    refusal = Problem(
        400,
        "bad-cursor",
        "the cursor cannot be used; expected the next_cursor of the same question, same key, "
        "less than a day old; begin again without it",
    )
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise refusal from error
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    canonical = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    if not hmac.compare_digest(mac, _mac(pepper, payload)) or canonical != text:
        raise refusal
    digest, made, *position = json.loads(payload)
    if digest != question.digest() or not 0 <= time.time() - made <= CURSOR_SECONDS:
        raise refusal
    return list(position)


def _this_hour() -> int:
    """Return the begun hour: the same page is the same bytes for a while, so 304 can be said."""
    return int(time.time()) // 3600 * 3600


def _mac(pepper: bytes, payload: bytes) -> bytes:
    key = hmac.new(pepper, b"truecast cursor", hashlib.sha256).digest()
    return hmac.new(key, payload, hashlib.sha256).digest()[:_MAC_BYTES]
