"""The strict parser against a corpus and against the standard library; bodies read in pieces."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from service import json_rules, strict_json
from service.json_rules import parse_strict
from service.problems import Problem
from service.strict_json import Line, check_body, read_body, read_lines

REFUSED = {
    b"": 400,
    b"[1,]": 400,
    b"{'a':1}": 400,
    b"[1] 2": 400,
    b"[NaN]": 400,
    b"[Infinity]": 400,
    b'{"a":-Infinity}': 400,
    b'{"a":1,"a":2}': 400,
    b'{"a":1,"a" :2}': 400,
    b'{"a":":","a":2}': 400,
    b'[{"b":{"a":1,"\\u0061":2}}]': 400,
    b"\xef\xbb\xbf[]": 400,
    "[]".encode("utf-16"): 400,
    "[]".encode("utf-16-le"): 400,
    b'["\xff"]': 400,
    b'["\xed\xa0\x80"]': 400,
    b'["\x01"]': 400,
    b"[1e400]": 422,
    b'{"a":-1E+400}': 422,
    b"[1e0400]": 422,
    b"[" + b"9" * 320 + b".0]": 422,
    b'["\\ud800"]': 422,
    b'{"\\udfff":1}': 422,
    b'["\\u0000"]': 422,
    b"[9007199254740993]": 422,
    b"[-9007199254740993]": 422,
    b"9" * 5_000: 422,
    b'{"a": {"b": [' + b"0" + b"," * 1 + b"9" * 40 + b"]}}": 422,
    b"[" * 33 + b"]" * 33: 422,
    b"[" * 100_000: 422,
    b"[" + b"0," * 10_000 + b"0]": 422,
    b'["' + b"a" * 10_001 + b'"]': 422,
    b'["' + b'\\"' * 10_001 + b'"]': 422,
    b'["' + "é".encode() * 5_001 + b'"]': 422,
}
TAKEN: dict[bytes, Any] = {
    b"[9007199254740992,-9007199254740992]": [2**53, -(2**53)],
    b"[" * 32 + b"]" * 32: json.loads("[" * 32 + "]" * 32),
    b"[" + b"0," * 9_999 + b"0]": [0] * 10_000,
    b'["' + b"a" * 10_000 + b'"]': ["a" * 10_000],
    b'{"at":"10:00:00Z","to" : ":"}': {"at": "10:00:00Z", "to": ":"},
    b'["\\ud83d\\ude00", 1e308, 1e-400, -0.0]': ["\U0001f600", 1e308, 0.0, -0.0],
    b" null ": None,
}


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: repr(data[:30]))
def test_what_breaks_a_rule_is_refused_and_not_repeated(data: bytes) -> None:
    with pytest.raises(Problem) as caught:
        parse_strict(data)
    (found,) = caught.value.extra["errors"]
    assert caught.value.status == REFUSED[data]
    assert set(found) == {"where", "rule", "expected"}
    assert found["where"].startswith("body")


@pytest.mark.parametrize("data", TAKEN, ids=lambda data: repr(data[:30]))
def test_what_lies_just_within_the_rules_is_taken(data: bytes) -> None:
    assert repr(parse_strict(data)) == repr(TAKEN[data])


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**54), 2**54)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from([":", '":', " :", "NaN", "0e00", "e999", "12:30:00"])
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from([None, 1]), st.booleans())
def test_the_quick_way_and_the_careful_way_say_the_same(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert _outcome(lambda: parse_strict(text.encode("utf-8", "surrogatepass"))) == _outcome(
        lambda: json_rules._parse_carefully(text)
    )


def _outcome(parse: Any) -> str:
    try:
        return repr(parse())
    except Problem:
        return "refused"


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 9), min_size=1), st.data())
def test_a_name_that_stands_twice_is_always_seen(members: dict[str, int], data: Any) -> None:
    again = data.draw(st.sampled_from(sorted(members)))
    pairs = [f"{json.dumps(name)}{data.draw(_GAP)}:{one}" for name, one in members.items()]
    pairs.append(f"{json.dumps(again, ensure_ascii=False)}{data.draw(_GAP)}:0")
    text = "{" + ",".join(pairs) + "}"
    assert _outcome(lambda: parse_strict(text.encode())) == "refused"


_GAP = st.sampled_from(["", " ", "\t", "\n", " \r\n "])


def test_the_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trusting the quick parser without a proof lets a long integer and a second name through."""
    monkeypatch.setattr(json_rules, "_is_plain", lambda data: True)
    monkeypatch.setattr(json_rules, "_has_each_name_once", lambda data, members: True)
    assert parse_strict(b"[9007199254740993]") == [2**53 + 1]
    assert parse_strict(b'{"a":1,"a":2}') == {"a": 2}


def test_strictness_costs_a_fraction_of_a_millisecond() -> None:
    row = {f"feature_{place}": place * 1.000123 for place in range(12)}
    text = json.dumps({"rows": [{"account_id": f"A{index}", **row} for index in range(300)]})
    data = text.encode()
    ours, plain = (min(_seconds(parse, data) for _ in range(20)) for parse in _PARSERS)
    assert 90_000 < len(data) < 130_000
    assert ours - plain <= 0.000_25 * 2  # twice, for a machine that is shared


_PARSERS = (parse_strict, json.loads)


def _seconds(parse: Any, data: bytes) -> float:
    began = time.process_time()
    parse(data)
    return time.process_time() - began


def _request(pieces: Sequence[bytes], headers: dict[str, str], pause: float = 0.0) -> Request:
    waiting = [*pieces]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {
            "type": "http.request",
            "body": waiting.pop(0) if waiting else b"",
            "more_body": bool(waiting),
        }

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}


def _read(pieces: Sequence[bytes], limit: int = 100, **headers: str) -> object:
    given = {name.replace("_", "-"): value for name, value in headers.items()} or JSON
    return asyncio.run(read_body(_request(pieces, given), limit))


@pytest.mark.parametrize(("size", "taken"), [(99, True), (100, True), (101, False)])
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_may_reach_its_limit_and_no_more(size: int, taken: bool, declared: bool) -> None:
    data = b'"' + b"a" * (size - 2) + b'"'
    headers = JSON | ({"content_length": str(size)} if declared else {})
    given = {name.replace("-", "_"): value for name, value in headers.items()}
    if taken:
        assert _read([data[:7], data[7:]], **given) == "a" * (size - 2)
        return
    with pytest.raises(Problem, match="at most 100 bytes") as caught:
        _read([data[:7], data[7:]], **given)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "application/json", "content_encoding": "gzip"},
        {"x_nothing": ""},
    ],
)
def test_another_kind_of_body_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as caught:
        _read([b"{}"], **headers)
    assert caught.value.status == 415


def test_a_trickling_body_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "GRACE_SECONDS", 0.05)
    request = _request([b"1"] * 1_000, JSON, pause=0.02)
    began = time.monotonic()
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(request, 10_000))
    assert caught.value.status == 408
    assert time.monotonic() - began < 2


def test_a_fast_body_is_ended_at_the_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "BODY_SECONDS", 0.1)
    request = _request([b"1" * 100] * 1_000, JSON, pause=0.02)
    with pytest.raises(Problem) as caught:
        asyncio.run(read_body(request, 1_000_000))
    assert caught.value.status == 408


async def _lines(pieces: Sequence[bytes], limit: int = 1_000) -> list[Line]:
    request = _request(pieces, LINES)
    return [line async for line in read_lines(request, limit, line_limit=20)]


def test_lines_are_read_whatever_the_pieces() -> None:
    data = b'{"a":1}\n\n[NaN]\r\n"b"'
    for cut in range(len(data)):
        found = asyncio.run(_lines([data[:cut], data[cut:]]))
        assert [line.number for line in found] == [1, 3, 4]
        assert [line.value for line in found] == [{"a": 1}, None, "b"]
        assert found[1].problem is not None
        assert found[1].problem.status == 400


@pytest.mark.parametrize(("size", "taken"), [(19, True), (20, True), (21, False)])
def test_a_line_may_reach_its_limit_and_no_more(size: int, taken: bool) -> None:
    data = b'"' + b"a" * (size - 2) + b'"'
    if taken:
        assert len(asyncio.run(_lines([b"1\n" + data + b"\n"]))) == 2
        return
    with pytest.raises(Problem, match="a line is too large"):
        asyncio.run(_lines([b"1\n" + data + b"\n"]))


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount_minor: int
    parts: dict[str, int] = {}


def test_a_broken_schema_is_told_without_values_and_made_up_names() -> None:
    value = {"amount_minor": "anna@example.com", "bob@example.com": 1, "parts": {"c@d.e": "x"}}
    with pytest.raises(Problem) as caught:
        check_body(Order, value)
    shown = json.dumps(caught.value.extra)
    assert "@" not in shown
    assert {one["where"] for one in caught.value.extra["errors"]} == {
        "body.amount_minor",
        "body.parts",
        "body",
    }


@pytest.mark.parametrize("deep", [31, 32])
def test_brackets_in_texts_hide_no_level(deep: int) -> None:
    """What is counted to save a look at the cells never counts too few."""
    body = b'{"text":"]]]{","a":' + b"[" * deep + b"1" + b"]" * deep + b"}"
    if deep == 31:
        assert parse_strict(body)
        return
    with pytest.raises(Problem):
        parse_strict(body)
