"""The strict reading of JSON: what a body may hold, whoever sent it.

The standard library takes NaN, repeated names, ``1e400`` (as infinity) and halves of surrogate
pairs; each of them became a failure somewhere behind it. `parse_strict` refuses them.

It has two ways to the same answer. The careful one looks at every value. The quick one takes a
compiled parser that lets repeated names and long integers through, after proving by a few searches
through the bytes that none can be there; where the proof fails, the careful way decides.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import orjson

from service.problems import Problem

DEEPEST = 32
LARGEST_ITEM_COUNT = 10_000
LONGEST_TEXT_BYTES = 10_000
LARGEST_INTEGER = 2**53
LARGEST_MARK_COUNT = 1_000_000
UNPROVEN = object()
"""What `parse_quickly` returns for a body that the careful way must look at."""

_BROKEN = "the body cannot be used; see errors for where and what is expected"
_NUMBER_WORDS = "finite numbers; NaN and Infinity are not JSON"
_NESTED = frozenset((list, dict))
_MARKS = {b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"}
_HALF_TEXT = LONGEST_TEXT_BYTES // 2
# digits all become 0, so that one search finds any long integer
_SHAPE = bytes.maketrans(b"123456789:,[-\t\r\n", b"000000000       ")
_NO_MARKS = bytes({*range(256)} - {*b'",:[{'})
_SPACES = bytes.maketrans(b"\t\r\n", b"   ")
_LARGE_INTEGER = b" " + b"0" * len(str(LARGEST_INTEGER))


def refuse_body(rule: str, expected: str, *, status: int = 422, where: str = "body") -> Problem:
    """Return the refusal of a body: never a piece of it.

    Parameters
    ----------
    rule
        What was broken, for example ``too_deep``.
    expected
        What is allowed, in words.
    status, where
        HTTP status (400: not JSON; 422: JSON that breaks a rule), and the place in the body.
    """
    kind = "invalid-json" if status == 400 else "invalid-request"
    found = [{"where": where, "rule": rule, "expected": expected}]
    return Problem(status, kind, _BROKEN, extra={"errors": found})


def parse_strict(data: bytes) -> object:
    """Parse JSON and hold it to the rules.

    Parameters
    ----------
    data
        UTF-8 bytes: at most 32 levels, 10,000 members or items each, 1,000,000 commas, colons and
        brackets in all, 10,000 bytes a text, integers within ±2^53, finite numbers, no name twice,
        no U+0000 and no half of a surrogate pair.

    Raises
    ------
    Problem
        400: not UTF-8 or not JSON (NaN, a repeated name). 422: a size or a number out of bounds.

    Examples
    --------
    >>> parse_strict(b'{"ids":["A1"],"share":0.5}')
    {'ids': ['A1'], 'share': 0.5}
    """
    found = parse_quickly(data, count_nested(data))
    return parse_carefully(data) if found is UNPROVEN else found


def count_nested(data: bytes) -> int:
    """Return how many lists and objects a body can hold at most."""
    return data.count(b"[") + data.count(b"{")


def parse_quickly(data: bytes, nested_count: int) -> object:
    """Parse JSON if a few searches prove that it keeps to the rules, else return `UNPROVEN`.

    Parameters
    ----------
    data, nested_count
        The body, and what `count_nested` says of it.

    Raises
    ------
    Problem
        As of `parse_strict`.
    """
    _check_marks(data, nested_count)
    _decode(data)
    if not _is_plain(data):
        return UNPROVEN
    try:
        value = orjson.loads(data)
    except ValueError:
        return UNPROVEN  # the careful way knows what to say
    return value if _has_each_name_once(data, _measure(value, nested_count)) else UNPROVEN


def parse_carefully(data: bytes) -> object:
    """Parse JSON that is `UNPROVEN`, look at every value, and say what is wrong: ten times as slow.

    Raises
    ------
    Problem
        As of `parse_strict`.
    """
    return _parse_carefully(_decode(data))


def _check_marks(data: bytes, nested_count: int) -> None:
    """Refuse more values than one request may cost, before any of them is made."""
    # nothing is counted in most bodies: a value or a name stands between any two commas or colons
    if nested_count + len(data) // 2 <= LARGEST_MARK_COUNT:
        return
    if nested_count + data.count(b",") + data.count(b":") <= LARGEST_MARK_COUNT:
        return
    # those in texts do not count; without two quotation marks side by side it is the same texts
    marks = _blank_escapes(data).translate(None, _NO_MARKS).replace(b'""', b"")
    texts = marks.count(b'"') // 2  # each is a value or a name, with a mark beside it
    if texts > LARGEST_MARK_COUNT or sum(map(len, marks.split(b'"')[::2])) > LARGEST_MARK_COUNT:
        expected = f"at most {LARGEST_MARK_COUNT:,} commas, colons and opening brackets in all"
        raise refuse_body("too_many_values", f"{expected}; send less at a time")


def _blank_escapes(data: bytes) -> bytes:
    """Return as many bytes, in which each quotation mark begins or ends a text."""
    return data.replace(b"\\\\", b"__").replace(b'\\"', b"__")


def _decode(data: bytes) -> str:
    if data[:3] in _MARKS or data[:2] in _MARKS or b"\x00" in data:
        raise refuse_body("encoding", "UTF-8 without a byte order mark", status=400)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"body, byte {error.start}"
        raise refuse_body("encoding", "UTF-8", status=400, where=where) from None


def _is_plain(data: bytes) -> bool:
    """Say whether the quick parser's answer can be trusted, once its names have been counted.

    No long integer, no long text, no U+0000.
    """
    if b"\\" in data:
        if b"\\u0000" in data:
            return False
        data = _blank_escapes(data)
    shape = data.translate(_SHAPE)
    if _LARGE_INTEGER in shape or shape.startswith(_LARGE_INTEGER[1:]):
        return False
    return not _may_hold_long_text(data)


def _has_each_name_once(data: bytes, members: int) -> bool:
    """Say whether as many members came out as names, at most, went in."""
    if data.count(b":") == members:
        return True
    # colons in texts, as in times of day: then the names are what ends in `":`, if none is spaced
    return data.count(b'":') == members and b" :" not in data.translate(_SPACES)


def _may_hold_long_text(data: bytes) -> bool:
    """Look for half a text's length without a quotation mark, within a text."""
    counted, quotes = 0, 0
    for start in range(0, len(data) - _HALF_TEXT, _HALF_TEXT):
        if data.find(b'"', start, start + _HALF_TEXT) < 0:
            quotes += data.count(b'"', counted, start)
            counted = start
            if quotes % 2:
                return True
    return False


def _measure(value: Any, brackets: int | None = None) -> int:
    """Check depth and sizes level by level; return the number of members of all objects.

    Parameters
    ----------
    brackets
        How many brackets open in the bytes: once as many lists and objects were found, the cells of
        the last level need no look. ``None``: all are looked at.
    """
    level, members, depth, found = [value] if type(value) in {list, dict} else [], 0, 0, 0
    while level:
        depth += 1
        found += len(level)
        if depth > DEEPEST:
            raise refuse_body("too_deep", f"at most {DEEPEST} levels")
        below: list[Any] = []
        for one in level:
            if len(one) > LARGEST_ITEM_COUNT:
                raise refuse_body("too_many", f"at most {LARGEST_ITEM_COUNT} items or members")
            if type(one) is dict:
                members += len(one)
                one = one.values()
            if found != brackets and not _NESTED.isdisjoint(map(type, one)):
                below += [item for item in one if type(item) in _NESTED]
        level = below
    return members


def _parse_carefully(text: str) -> object:
    try:
        value = _CAREFUL.decode(text)
    except json.JSONDecodeError as error:
        where = f"body, character {error.pos}"
        raise refuse_body("syntax", "JSON (RFC 8259)", status=400, where=where) from None
    except ValueError:  # of the interpreter, which makes no number of thousands of digits
        raise _refuse_integer() from None
    except RecursionError:
        raise refuse_body("too_deep", f"at most {DEEPEST} levels") from None
    _measure(value)
    _check_values(value)
    return value


def _check_values(value: Any) -> None:
    """Look at each text and each integer; other numbers were looked at as they were read."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if kind is int:
            if not -LARGEST_INTEGER <= one <= LARGEST_INTEGER:
                raise _refuse_integer()
        elif kind is str:
            _check_text(one)
        elif kind is list:
            waiting += one
        elif kind is dict:
            waiting += one.keys()
            waiting += one.values()


def _check_text(one: str) -> None:
    try:
        size = len(one) if one.isascii() else len(one.encode())
    except UnicodeEncodeError:
        raise refuse_body("text", "whole characters, no half of a surrogate pair") from None
    if size > LONGEST_TEXT_BYTES:
        raise refuse_body("too_long", f"texts of at most {LONGEST_TEXT_BYTES} bytes")
    if "\x00" in one:
        raise refuse_body("text", "no U+0000 in texts")


def _read_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise refuse_body("repeated_name", "each name once in an object", status=400)
    return members


def _refuse_integer() -> Problem:
    return refuse_body("integer", f"integers within ±{LARGEST_INTEGER}")


def _read_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise refuse_body("number", "finite numbers")
    return value


def _read_constant(_: str) -> NoReturn:
    raise refuse_body("number", _NUMBER_WORDS, status=400)


# no hook for integers: a million calls cost ten times what a look at them afterwards does
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_read_members,
    parse_float=_read_number,
    parse_constant=_read_constant,
)
