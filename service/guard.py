"""The outermost layer: what no request may do, who may ask now, and what every answer carries.

Plain ASGI, because a middleware class around each request costs more than the whole read.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from lifecycle.limits import Limits
from service.admission import Admission
from service.allowances import Allowances
from service.door import list_safe_headers
from service.etags import TaggedSend
from service.exchange import Answer, Body, Message, Receive, Send
from service.limits import Policy, Weight, find_policy
from service.observer import Observer, Outcome
from service.problems import LOG, Problem, render_problem

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_URL_BYTES = 8_192
LARGEST_QUERY_COUNT = 128
ARRIVED, ABORT = "truecast_arrived", "truecast_abort"
DOWNLOAD_SECONDS = 600.0
SHORT_SECONDS = 0.02  # in the event loop's queue: not worth a closer look
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
_READ_HERE = frozenset(
    {
        b"x-request-id",
        b"host",
        b"authorization",
        b"content-length",
        b"transfer-encoding",
        b"if-none-match",
    }
)


class Guard:
    """Wrap an application: request ids, limits, safe headers, and no bare 500.

    Parameters
    ----------
    app
        What answers.
    limits, admission
        How much is taken on, and the places that are free.
    observer
        Keeps how each request ended; ``None``: nothing does.
    """

    def __init__(
        self,
        app: Application,
        limits: Limits,
        admission: Admission,
        *,
        observer: Observer | None = None,
    ) -> None:
        self._app, self._limits, self._admission = app, limits, admission
        self._observer = observer
        self._allowances = Allowances(limits)
        self._hosts = frozenset(host.lower().encode() for host in limits.allowed_hosts)
        self._headers = list_safe_headers(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        # from the last to the first, so that the first of a repeated header is the one kept
        given = {name: value for name, value in reversed(scope["headers"]) if name in _READ_HERE}
        policy = find_policy(scope["method"], scope["path"])
        answer = Answer(send, _find_request_id(given), policy, self._headers)
        scope["truecast_request_id"] = answer.request_id
        try:
            self._check(scope, given, policy)
            await self._serve(scope, Body(receive, given), answer)
        except Problem as problem:
            if self._observer is not None:
                self._observer.tally.refusals[problem.kind] += 1
            await render_problem(problem, answer.request_id)(scope, receive, answer.send)
        except Exception:
            LOG.exception("request %s failed", answer.request_id)
            if answer.finished:
                return  # the application has answered with a problem already
            if answer.started:
                raise
            failure = Problem(500, "internal", "an unexpected failure; quote the request id")
            await render_problem(failure, answer.request_id)(scope, receive, answer.send)
        finally:
            if self._observer is not None:
                quiet = policy.weight is Weight.health
                took = time.perf_counter() - began
                self._observer.note(scope, Outcome(answer.request_id, answer.status, took, quiet))

    def _check(self, scope: Scope, given: Mapping[bytes, bytes], policy: Policy) -> None:
        _check_url(scope)
        size = given.get(b"content-length", b"0")
        if not policy.body and (b"transfer-encoding" in given or size.strip(b"0")):
            raise Problem(413, "body-not-expected", "this path takes no body; send none")
        if policy.body and size.isdigit() and int(size[:20]) > policy.body:
            detail = f"the body is too large; expected at most {policy.body} bytes"
            raise Problem(413, "body-too-large", f"{detail}; send less at a time")
        if policy.weight is Weight.health:
            if self._admission.draining and scope["path"] == "/readyz":
                detail = "this process is about to stop; ask another"
                raise Problem(503, "stopping", detail, headers={"retry-after": "5"})
        elif self._hosts and _name_host(given) not in self._hosts:
            raise Problem(421, "unknown-host", "this service has another name; see allowed_hosts")

    async def _serve(self, scope: Scope, body: Body, answer: Answer) -> None:
        policy = answer.policy
        if policy.pace is None:
            await self._app(scope, body.receive, answer.send)
            return
        now = asyncio.get_running_loop().time()
        mine = self._allowances.find(_find_caller(scope, body.given), now)
        if policy.download:
            self._allowances.check_download(mine)
        answer.pace = self._allowances.take(mine, policy.pace, now)
        mine.running += 1
        mine.downloads += policy.download
        send = answer.send
        if policy.tagged:
            send = TaggedSend(answer.send, body.given.get(b"if-none-match", b""))
        try:
            if policy.download:
                await self._hand_out(scope, body, send, policy)
            elif body.whole:
                await self._work(scope, body, send, policy)
            else:
                await self._read_and_work(scope, body, answer, policy)
        except TimeoutError:
            if answer.started:
                if not await _cut_off(scope, answer.request_id):
                    raise
                return
            detail = "the answer was not ready in time; ask for less, or again in a second"
            raise Problem(503, "deadline", detail, headers={"retry-after": "1"}) from None
        finally:
            mine.running -= 1
            mine.downloads -= policy.download

    async def _work(self, scope: Scope, body: Body, send: Send, policy: Policy) -> None:
        now = asyncio.get_running_loop().time()
        late = now - scope.get(ARRIVED, now)
        if late > SHORT_SECONDS or not self._admission.try_enter():
            await self._admission.enter(policy.weight, late)
        try:
            async with asyncio.timeout(self._find_seconds(policy)):
                await self._app(scope, body.receive, send)
        finally:
            self._admission.leave()

    async def _hand_out(self, scope: Scope, body: Body, send: Send, policy: Policy) -> None:
        """Hold a place only until the answer begins: who reads it slowly keeps nobody else out."""
        loop, begun = asyncio.get_running_loop(), False
        await self._admission.enter(policy.weight, loop.time() - scope.get(ARRIVED, loop.time()))
        try:
            async with asyncio.timeout(self._find_seconds(policy)) as deadline:

                async def pass_on(message: Message) -> None:
                    nonlocal begun
                    if not begun:
                        begun = True
                        self._admission.leave()
                        if not deadline.expired():
                            deadline.reschedule(loop.time() + DOWNLOAD_SECONDS)
                    await send(message)

                await self._app(scope, body.receive, pass_on)
        finally:
            if not begun:
                self._admission.leave()

    async def _read_and_work(
        self, scope: Scope, body: Body, answer: Answer, policy: Policy
    ) -> None:
        """Take a place, and start the clock, only when the body is whole: a slow one holds none."""
        entered = False
        async with asyncio.timeout(None) as deadline:

            async def receive() -> Message:
                nonlocal entered
                message = await body.receive()
                if body.whole and not entered:
                    await self._admission.enter(policy.weight)
                    entered = True
                    now = asyncio.get_running_loop().time()
                    deadline.reschedule(now + self._find_seconds(policy))
                return message

            answer.unread = body
            try:
                await self._app(scope, receive, answer.send)
            finally:
                if entered:
                    self._admission.leave()

    def _find_seconds(self, policy: Policy) -> float:
        limits = self._limits
        return limits.scoring_seconds if policy.scoring else limits.request_seconds


def _find_request_id(given: Mapping[bytes, bytes]) -> str:
    value = given.get(b"x-request-id")
    if value is not None and _REQUEST_ID.fullmatch(value):
        return str(value, "ascii")
    return secrets.token_hex(8)


def _find_caller(scope: Scope, given: Mapping[bytes, bytes]) -> int:
    """Return a hash of who asks, so that no secret stays here; without credentials the address."""
    told = given.get(b"authorization")
    if not told:
        return hash((scope.get("client") or ("",))[0])
    # the scheme's letters and a token's padding may be written in many ways, and count as one
    return hash(told.partition(b" ")[2].strip().rstrip(b"=") or told)


async def _cut_off(scope: Scope, request_id: str) -> bool:
    """Drop a connection that takes its answer too slowly, if the server lets us; say whether so.

    A mere end would wait until what is on its way was taken, and that may be never.
    """
    abort: Callable[[], None] | None = scope.get(ABORT)
    if abort is None:
        return False
    LOG.warning("request %s was cut off: its answer was not taken in time", request_id)
    abort()
    await asyncio.sleep(0)  # the server learns of it, or it would take this for a failure
    return True


def _name_host(given: Mapping[bytes, bytes]) -> bytes:
    host = given.get(b"host", b"").lower()
    name, _, port = host.rpartition(b":")
    return name if port.isdigit() else host


def _check_url(scope: Scope) -> None:
    query: bytes = scope["query_string"]
    if len(scope.get("raw_path") or b"") + len(query) > LONGEST_URL_BYTES:
        raise Problem(414, "url-too-long", f"expected at most {LONGEST_URL_BYTES} bytes")
    if query.count(b"&") >= LARGEST_QUERY_COUNT:
        raise Problem(400, "too-many-parameters", f"expected at most {LARGEST_QUERY_COUNT}")
    if b"truecast_live_" in query or b"truecast_test_" in query:
        detail = "a key was found in the URL, where logs keep it; revoke it, and send keys only in"
        raise Problem(400, "key-in-url", f"{detail} the header Authorization: Bearer")
