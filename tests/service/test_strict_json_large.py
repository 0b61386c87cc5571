"""Large bodies: how much one may hold, what is parsed aside, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ledger.job_inputs import Spool
from service import json_rules, strict_json
from service.json_rules import UNPROVEN, parse_strict
from service.problems import Problem
from service.scoring import job_routes
from service.scoring.shapes import LARGEST_JOB_ROW_COUNT, RowsAsked
from service.strict_json import read_body
from tests.service.test_strict_json import JSON, LINES, _request

LIMIT = 16_000_000
LONG_TEXT = b'"note":" 12345678901234567"'
"""It looks like an integer beyond the limit, so that the careful way must decide."""


def _rows(count: int, width: int, cell: bytes = b"1") -> bytes:
    row = b"[" + b",".join([cell] * width) + b"]"
    return b"[" + b",".join([row] * count) + b"]"


@pytest.mark.parametrize("cell", [b"1", b'""', b'"a,b:c[d{e"', b'"\\",\\\\"'])
@pytest.mark.parametrize("more", [0, 1])
def test_a_body_may_hold_a_million_marks_and_no_more(more: int, cell: bytes) -> None:
    data = _rows(125, 7_999, cell)  # a mark for each cell, and one for each row
    data = data[:-1] + b',"a"' * more + b"]"
    if not more:
        json_rules._check_marks(data, json_rules.count_nested(data))
        return
    with pytest.raises(Problem) as caught:
        parse_strict(data)
    assert caught.value.status == 422
    assert [one["rule"] for one in caught.value.extra["errors"]] == ["too_many_values"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"columns":[' + b",".join([b'"c"'] * 900) + b'],"rows":' + _rows(1_000, 900) + b"}",
        b'{"rows":' + _rows(10_000, 90) + b"}",
        _rows(1_000, 16, b'"' + b"one, two: three, " * 50 + b'"'),
    ],
    ids=["1,000 rows of 900 features", "10,000 rows of 90", "13 MB of prose"],
)
def test_what_the_documented_limits_allow_is_not_too_much(data: bytes) -> None:
    assert parse_strict(data)


_PIECES = st.lists(
    st.sampled_from(
        [
            *("\\\\", '\\"', "\\/", "\\n", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\udc00"),
            *("\\u0000", "\\u", "\\x", "\\", '"', ":", '":', " :", ",", "[", "{", "}", "]", "a"),
            *("é", "\n", "\\u005c", "\\u0022", " 12345678901234567", '","b":"'),
        ]
    ),
    max_size=8,
).map("".join)


@given(_PIECES, _PIECES)
def test_escapes_are_read_alike_the_quick_way_and_the_careful_way(name: str, text: str) -> None:
    data = f'{{"a":1,"{name}":"{text}"}}'.encode()
    assert _outcome(parse_strict, data) == _outcome(json_rules.parse_carefully, data)


def _outcome(parse: Callable[[bytes], object], data: bytes) -> str:
    try:
        return repr(parse(data))
    except Problem as problem:
        return f"{problem.status}"


@pytest.mark.parametrize("text", [b"a\\nb", b"\\u00e9", b'\\"yes\\"', b"c:\\\\temp\\\\"])
def test_an_escape_alone_costs_nobody_the_quick_way(text: bytes) -> None:
    data = b'{"note":"' + text + b'"}'
    assert json_rules.parse_quickly(data, 1) is not UNPROVEN


def test_a_long_text_of_escapes_is_refused_the_quick_way_too() -> None:
    data = b'["' + b'\\"' * 10_001 + b'"]'
    assert json_rules.parse_quickly(data, 1) is UNPROVEN


_HERE = [
    (b'{"a":1}', True),
    (b"{" + LONG_TEXT + b"}", True),
    (b'{"rows":' + _rows(1_000, 60, b"12345.6") + b"}", True),
    (b"{" + LONG_TEXT + b',"rows":' + _rows(90, 90, b"12") + b"}", False),
    (b'{"rows":' + _rows(1_000, 100, b"12345.6") + b"}", False),
    (_rows(100, 250, b"{}"), False),
]


def _note_threads(monkeypatch: pytest.MonkeyPatch, seen: set[bool], name: str) -> None:
    """Note whether a parser that answers did so on the event loop."""
    plain = getattr(json_rules, name)

    def work(*given: Any) -> object:
        found = plain(*given)
        if found is not UNPROVEN:
            seen.add(threading.current_thread() is threading.main_thread())
        return found

    for module in (json_rules, strict_json):
        monkeypatch.setattr(module, name, work)


@pytest.mark.parametrize(("data", "here"), _HERE, ids=lambda one: repr(one)[:20])
def test_what_takes_long_is_parsed_in_a_thread(
    data: bytes, here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[bool] = set()
    _note_threads(monkeypatch, seen, "parse_quickly")
    _note_threads(monkeypatch, seen, "parse_carefully")
    assert asyncio.run(read_body(_request([data], JSON), LIMIT))
    assert seen == {here}


def test_others_are_answered_while_a_large_body_is_parsed() -> None:
    data = b"{" + LONG_TEXT + b',"rows":' + _rows(90, 9_000) + b"}"
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    async def check() -> None:
        beating = asyncio.create_task(beat())
        await read_body(_request([data], JSON), LIMIT)
        beating.cancel()

    asyncio.run(check())
    assert beats > 5


def test_only_the_first_wrong_row_is_told() -> None:
    """To tell half a million members that nobody declared took seconds."""
    row = {"id": "a", **{f"c{place}": 1 for place in range(300)}}
    with pytest.raises(ValidationError) as caught:
        RowsAsked.model_validate({"rows": [row] * 1_000})
    assert caught.value.error_count() == 300


def _read_job(lines: bytes) -> Any:
    return asyncio.run(job_routes._read(_request([lines], LINES)))


@pytest.mark.parametrize("more", [0, 1])
def test_blank_lines_are_counted_like_rows(more: int) -> None:
    lines = b"\n" * (LARGEST_JOB_ROW_COUNT + more) + b'{"format":"csv"}\n["A1"]\n'
    if not more:
        assert _read_job(lines)[1].lines == 1
        return
    with pytest.raises(Problem) as caught:
        _read_job(lines)
    assert (caught.value.status, caught.value.kind) == (413, "too-many-rows")


def test_the_rows_of_a_job_are_packed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    add = Spool.add

    def note(self: Spool, line: bytes) -> None:
        seen.add(threading.current_thread() is threading.main_thread())
        add(self, line)

    monkeypatch.setattr(Spool, "add", note)
    body = b'{"format":"csv","rows":[["A1"],["A2"]]}'
    _, spool = asyncio.run(job_routes._read(_request([body], JSON)))
    assert (spool.lines, seen) == (2, {False})
