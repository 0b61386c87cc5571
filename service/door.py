"""What is turned away at the door: a request that could only be told to come back later.

Past saturation most requests are refusals, and what they cost is taken from those that are served.
Most of that cost is the reading of a head, line by line, that nobody will answer. Here a plain
request is refused from its first line, with the answer that it would have got; whatever is not
plain goes the usual way.
"""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPStatus

from lifecycle.limits import Limits
from service.admission import Admission, be_busy
from service.limits import Weight, find_policy
from service.observer import Observer, Outcome
from service.problems import Problem, render_problem

Pairs = list[tuple[bytes, bytes]]

LONGEST_HEAD_BYTES = 4_096
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
NO_STORE = (b"cache-control", b"no-store")
_FIRST_LINE = re.compile(rb"GET (/[!-~]*) HTTP/1\.1\r\n")
_GIVEN_ID = re.compile(rb"\r\nx-request-id:[ \t]*([A-Za-z0-9_.:-]{1,64})[ \t]*\r\n", re.IGNORECASE)
# a body, or words about the connection other than the usual ones
_UNUSUAL = re.compile(
    rb"\r\n(?:content-length|transfer-encoding|expect|upgrade|connection:(?!\s*keep-alive\s*\r\n))",
    re.IGNORECASE,
)


def list_safe_headers(limits: Limits) -> Pairs:
    """Return what every answer carries."""
    headers = [(b"x-content-type-options", b"nosniff")]
    return [*headers, HSTS] if limits.behind_tls else headers


def write_problem(problem: Problem, request_id: str, headers: Pairs) -> bytes:
    """Return a problem's whole answer, as it goes over the line."""
    answer = render_problem(problem, request_id)
    given = [*answer.raw_headers, *headers, NO_STORE, (b"x-request-id", request_id.encode())]
    lines = [name + b": " + value for name, value in given]
    status = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode()
    return b"\r\n".join((status, *lines, b"", b"")) + bytes(answer.body)


class Door:
    """Refuse plain requests while every place is taken and nobody may wait any more.

    Parameters
    ----------
    limits, admission
        What every answer carries, and the places that are free.
    observer
        Keeps how each request ended.
    """

    def __init__(self, limits: Limits, admission: Admission, observer: Observer) -> None:
        self._headers = list_safe_headers(limits)
        self._admission, self._observer = admission, observer

    def refuse(self, data: bytes) -> bytes | None:
        """Return the answer to a whole request that cannot be taken; ``None``: it is to be read.

        Parameters
        ----------
        data
            What a connection with nothing unfinished has sent.
        """
        if not self._admission.is_full(Weight.ad_hoc) or len(data) > LONGEST_HEAD_BYTES:
            return None
        line = _FIRST_LINE.match(data)
        if line is None or data.find(b"\r\n\r\n") != len(data) - 4 or _UNUSUAL.search(data):
            return None
        policy = find_policy("GET", line[1].partition(b"?")[0].decode("ascii"))
        if policy.pace is None or not self._admission.is_full(policy.weight):
            return None
        return self._tell(data)

    def _tell(self, data: bytes) -> bytes:
        began, given = time.perf_counter(), _GIVEN_ID.search(data)
        request_id = secrets.token_hex(8) if given is None else given[1].decode("ascii")
        problem = be_busy()
        self._observer.tally.refusals[problem.kind] += 1
        answer = write_problem(problem, request_id, self._headers)
        took = time.perf_counter() - began
        self._observer.note({"method": "GET"}, Outcome(request_id, problem.status, took))
        return answer
