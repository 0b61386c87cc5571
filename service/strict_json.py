"""Reading a request's body: its kind, its size, its pace, and then its JSON, strictly.

The body is read in pieces and refused as soon as it is too large or too slow, so that neither a
giant nor a trickle costs more than its limit. A refusal never repeats any of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from service.json_rules import (
    UNPROVEN,
    count_nested,
    parse_carefully,
    parse_quickly,
    parse_strict,
    refuse_body,
)
from service.problems import ERRORS_SHOWN, Problem

BODY_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 1_000
GRACE_SECONDS = 5.0
LARGEST_LINES_BYTES = 64_000_000
LONGEST_LINE_BYTES = 64_000
# parsed on the event loop: a thousand rows of 60 features the quick way, a few the careful way
QUICK_HERE_BYTES, QUICK_HERE_NESTED_COUNT = 600_000, 20_000
CAREFUL_HERE_BYTES = 16_000
EMPTY_BYTES = 64_000
JSON_KINDS = frozenset({"application/json"})
LINE_KINDS = frozenset({"application/x-ndjson", "application/jsonl"})
DIGEST = "truecast_body_digest"
_TELLING = frozenset({"union_tag_invalid"})  # the library's sentence repeats what was sent
# one: it shares the interpreter with the event loop, and each more would keep that waiting
_ASIDE = ThreadPoolExecutor(1, thread_name_prefix="bodies")

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Line:
    """One line of a body of lines.

    Attributes
    ----------
    number
        1 is the first line; empty lines are counted, but not given.
    value
        What it holds; ``None`` if it was refused.
    problem
        Why it was refused.
    """

    number: int
    value: object = None
    problem: Problem | None = None


async def read_body(request: Request, limit: int) -> object:
    """Read a body of JSON.

    Parameters
    ----------
    request
        Its content type must be ``application/json``, without a content encoding.
    limit
        Largest size in bytes.

    Returns
    -------
    object
        What the body holds; next comes `check_body`.

    Raises
    ------
    Problem
        413 too large, 415 another kind, 408 too slow, 400 not JSON, 422 a rule broken (depth,
        sizes, numbers, texts; see `service.json_rules`).
    """
    _check_kind(request, JSON_KINDS)
    data = await _read_whole(request, limit)
    request.scope[DIGEST] = hashlib.sha256(data).hexdigest()
    return await _parse(data)


async def read_empty_body(request: Request) -> None:
    """Read the body of a request that says all in its path: none, or an object without members.

    Raises
    ------
    Problem
        422 there is something in it, 413 too large, 408 too slow, 400 not JSON.
    """
    data = await _read_whole(request, EMPTY_BYTES)
    if data.strip() and await _parse(data) != {}:
        raise refuse_body("not_empty", "no body, or {}")
    request.scope[DIGEST] = hashlib.sha256().hexdigest()


async def read_lines(
    request: Request, limit: int = LARGEST_LINES_BYTES, *, line_limit: int = LONGEST_LINE_BYTES
) -> AsyncIterator[Line]:
    """Read a body of JSON lines, each as it comes in, so that the whole is never held.

    A line that is not JSON or breaks a rule is given with its problem; those after it go on.

    Parameters
    ----------
    request
        Its content type must be ``application/x-ndjson`` (or ``application/jsonl``).
    limit, line_limit
        Largest size of the body, and of one line, in bytes.

    Raises
    ------
    Problem
        413 the body or a line is too large, 415 another kind, 408 too slow.
    """
    number = 0
    async for line in read_raw_lines(request, limit, line_limit=line_limit):
        number += 1
        if line.strip():
            yield _parse_line(number, line)


async def read_raw_lines(
    request: Request, limit: int = LARGEST_LINES_BYTES, *, line_limit: int = LONGEST_LINE_BYTES
) -> AsyncIterator[bytes]:
    """Read a body of lines, each as it comes in and without its end; nothing of it is parsed.

    Parameters
    ----------
    request, limit, line_limit
        As of `read_lines`.

    Raises
    ------
    Problem
        413 the body or a line is too large, 415 another kind, 408 too slow.
    """
    _check_kind(request, LINE_KINDS)
    digest, rest = hashlib.sha256(), b""
    async for piece in _read_pieces(request, limit):
        digest.update(piece)
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > line_limit or any(len(line) > line_limit for line in lines):
            raise _too_large(line_limit, "a line")
        for line in lines:
            yield line
    if rest:
        yield rest
    request.scope[DIGEST] = digest.hexdigest()


def check_body(model: type[Model], value: object) -> Model:
    """Hold what a body contains to its model.

    Raises
    ------
    Problem
        422; it names members of the model, never those that somebody made up, and no values.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    names = _find_names(model)
    extra = [
        {
            "where": ".".join(
                [
                    "body",
                    *(str(part) for part in one["loc"] if part in names or isinstance(part, int)),
                ]
            ),
            "rule": one["type"],
            "expected": one["msg"][:200] if one["type"] not in _TELLING else "another value",
        }
        for one in found[:ERRORS_SHOWN]
    ]
    detail = "the body breaks its schema; see errors for where and what is expected"
    raise Problem(422, "invalid-request", detail, extra={"errors": extra}) from None


@lru_cache(maxsize=256)
def _find_names(model: type[BaseModel]) -> frozenset[str]:
    """Return the members of a model and of all within it."""
    schema = model.model_json_schema()
    shapes = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for shape in shapes for name in shape.get("properties", ()))


def _check_kind(request: Request, kinds: frozenset[str]) -> None:
    kind, _, parameter = request.headers.get("content-type", "").lower().partition(";")
    plain = parameter.replace(" ", "").replace('"', "") in {"", "charset=utf-8"}
    encoding = request.headers.get("content-encoding", "identity").lower()
    if kind.strip() not in kinds or not plain or encoding != "identity":
        expected = f"expected content-type {' or '.join(sorted(kinds))}, UTF-8, not compressed"
        raise Problem(415, "unsupported-media-type", f"the body is of another kind; {expected}")


async def _read_whole(request: Request, limit: int) -> bytes:
    pieces = [piece async for piece in _read_pieces(request, limit)]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _parse(data: bytes) -> object:
    """Parse a body here if that takes milliseconds, else in a thread: others must not wait."""
    nested_count = count_nested(data)
    if len(data) <= QUICK_HERE_BYTES and nested_count <= QUICK_HERE_NESTED_COUNT:
        value = parse_quickly(data, nested_count)
        if value is not UNPROVEN:
            return value
        if len(data) <= CAREFUL_HERE_BYTES:
            return parse_carefully(data)
    return await asyncio.get_running_loop().run_in_executor(_ASIDE, parse_strict, data)


async def _read_pieces(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Give the body's pieces; stop at too much, at too little a second, and at the deadline."""
    _check_size(request, limit)
    loop, size, more = asyncio.get_running_loop(), 0, True
    began = loop.time()
    while more:
        try:
            async with asyncio.timeout(_patience(loop.time() - began, size)):
                message = await request.receive()
        except TimeoutError:
            raise _too_slow() from None
        if message["type"] == "http.disconnect":
            raise Problem(400, "body-cut-off", "the connection ended within the body")
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        if size > limit:
            raise _too_large(limit, "the body")
        if piece:
            yield piece


def _check_size(request: Request, limit: int) -> None:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:20]) > limit:
        raise _too_large(limit, "the body")


def _patience(passed: float, size: int) -> float:
    """Return for how long the next piece may still be waited for, in seconds."""
    pace = GRACE_SECONDS + size / SLOWEST_BYTES_PER_SECOND
    return max(0.0, min(pace, BODY_SECONDS) - passed)


def _too_slow() -> Problem:
    expected = f"at least {SLOWEST_BYTES_PER_SECOND} bytes a second, in {BODY_SECONDS:g} s"
    detail = f"the body came in too slowly; expected {expected}; send it again"
    return Problem(408, "body-too-slow", detail)


def _too_large(limit: int, what: str) -> Problem:
    detail = f"{what} is too large; expected at most {limit} bytes; send less at a time"
    return Problem(413, "body-too-large", detail)


def _parse_line(number: int, line: bytes) -> Line:
    try:
        return Line(number, parse_strict(line))
    except Problem as problem:
        return Line(number, problem=problem)
