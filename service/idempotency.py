"""``Idempotency-Key``: a request with an effect has it once, however often it is sent.

A handler reads its body (`service.strict_json.read_body`) if it takes one, then returns `once`. The
effect and the answer to it are written in one transaction; the same key again is answered with the
same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn, Protocol, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from ledger import idempotency
from ledger.idempotency import Answered, InFlightError, act_once
from lifecycle.errors import TruecastError
from service.deps import find_service
from service.problems import Problem
from service.strict_json import DIGEST, read_empty_body

HEADER = "idempotency-key"
LONGEST_KEY = 255
REPLAYED = {"idempotent-replayed": "true"}
_KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}").fullmatch

Action = Callable[[Any], tuple[int, object]]
T = TypeVar("T")


class Named(Protocol):
    """Whoever asks: all that counts here is the name."""

    @property
    def name(self) -> str:
        """For example ``key:ab12cd34``."""


class InFlight:
    """The requests with an effect that this process is working on."""

    def __init__(self) -> None:
        self._lock, self._held = threading.Lock(), set[str]()

    @contextmanager
    def hold(self, row_id: str) -> Iterator[None]:
        """Keep a request's name until its work is over.

        Raises
        ------
        InFlightError
            It is held already.
        """
        with self._lock:
            if row_id in self._held:
                raise InFlightError
            self._held.add(row_id)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(row_id)


async def once(request: Request, principal: Named, action: Action) -> Response:
    """Let a request have its effect once, and answer every retry as the first was answered.

    Parameters
    ----------
    request
        Its header ``Idempotency-Key`` names it. A body that nobody has read must be empty: it is
        read here, for only then has the request its place and its deadline.
    principal
        Who asks: another caller's same key is another request.
    action
        Takes the ledger's connection, writes the effect through it and returns status and answer (a
        model, or a JSON value). It runs in a thread. What it raises is answered as a problem: then
        nothing was written, and the key is free again.

    Returns
    -------
    Response
        JSON; with ``Idempotent-Replayed: true`` if the effect had happened before.

    Raises
    ------
    Problem
        400 no usable key; 409 the same request is being worked on (``Retry-After: 1``); 422 a body
        that nobody asked for.
    OtherBodyError
        422: the key was used for another body within 72 hours.
    """
    key = read_idempotency_key(request)
    if DIGEST not in request.scope:
        await read_empty_body(request)
    asked = idempotency.Request(
        principal.name, f"{request.method} {request.url.path}", key, _digest(request)
    )
    try:
        answered = await run_in_threadpool(_act, request, asked, action)
    except InFlightError as error:
        headers = {"retry-after": "1"}
        raise Problem(409, "in-flight", str(error), headers=headers) from error
    return Response(
        answered.body,
        answered.status,
        headers=REPLAYED if answered.replayed else None,
        media_type="application/json",
    )


def postpone(step: Callable[[], T]) -> Callable[[], T]:
    """Find out what an effect needs to know; a refusal is raised when the outcome is called for.

    Called inside the action, it reaches no retry of a request that has had its effect: what was
    right then may be refused by now. The step itself is no part of the action, which holds a
    connection, and on SQLite keeps all others from writing.
    """
    try:
        found = step()
    except (Problem, TruecastError) as error:
        return partial(_raise, error)
    return lambda: found


def read_idempotency_key(request: Request) -> str:
    """Return the caller's name of the request.

    Raises
    ------
    Problem
        400: it is missing, twice, too long or not plain ASCII.
    """
    given = request.headers.getlist(HEADER)
    if len(given) != 1 or not _KEY(given[0]):
        raise Problem(
            400,
            "idempotency-key-needed",
            "a request with an effect needs one header Idempotency-Key of 1 to "
            f"{LONGEST_KEY} visible ASCII characters; make a new one for each effect, for "
            "example a UUID, and send the same again when you retry",
        )
    return given[0]


def _digest(request: Request) -> str:
    """Return the digest of body and query: another question under the same key is refused."""
    body = request.scope[DIGEST]
    query: bytes = request.scope["query_string"]
    return hashlib.sha256(body.encode() + b"?" + query).hexdigest() if query else str(body)


def _raise(error: Exception) -> NoReturn:
    raise error


def _act(request: Request, asked: idempotency.Request, action: Action) -> Answered:
    in_flight: InFlight = request.app.state.in_flight
    ledger = find_service(request).ledger
    # held in this thread: it works on when the caller's patience is over and the answer is lost
    with in_flight.hold(asked.row_id):
        return act_once(ledger, asked, partial(_write_answer, action), now=datetime.now(UTC))


def _write_answer(action: Action, connection: Any) -> tuple[int, bytes]:
    status, value = action(connection)
    if isinstance(value, BaseModel):
        return status, value.model_dump_json().encode()
    return status, json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
