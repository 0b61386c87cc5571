"""A cursor is of use to whom it was given, for what it was given for, unchanged."""

from __future__ import annotations

import base64

import pytest

from service import paging
from service.paging import Question, open_cursor, seal_cursor
from service.problems import Problem

PEPPER = b"p" * 32
ASKED = Question("key1", "/v1/deals", {"sort": "win"})
PLACE = [0.1, "O7"]


def flips(text: str) -> list[str]:
    """The cursor with each bit of each of its bytes turned."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
    turned = [
        raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]
        for at in range(len(raw))
        for bit in range(8)
    ]
    return [base64.urlsafe_b64encode(one).decode().rstrip("=") for one in turned]


def opens(text: str, asked: Question = ASKED) -> bool:
    """Whether it is not refused as a bad request."""
    try:
        open_cursor(PEPPER, asked, text)
    except Problem as problem:
        return problem.status != 400
    return True


def test_what_was_sealed_is_opened_to_the_bit() -> None:
    assert open_cursor(PEPPER, ASKED, seal_cursor(PEPPER, ASKED, PLACE)) == PLACE


def test_no_flipped_bit_is_taken() -> None:
    assert not any(map(opens, flips(seal_cursor(PEPPER, ASKED, PLACE))))


@pytest.mark.parametrize("text", ["", "A", "=", "Ä", "A" * 1_000, "../x", "\0", "A" * 21 + "="])
def test_what_never_was_a_cursor_is_refused(text: str) -> None:
    assert not opens(text)


@pytest.mark.parametrize(
    "other",
    [
        Question("key2", "/v1/deals", {"sort": "win"}),
        Question("key1", "/v1/at-risk", {"sort": "win"}),
        Question("key1", "/v1/deals", {"sort": "slip"}),
    ],
)
def test_a_cursor_of_another_caller_list_or_order_is_refused(other: Question) -> None:
    assert not opens(seal_cursor(PEPPER, ASKED, PLACE), other)


def test_the_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging.hmac, "compare_digest", lambda *_: True)
    assert opens(flips(seal_cursor(PEPPER, ASKED, PLACE))[0])
