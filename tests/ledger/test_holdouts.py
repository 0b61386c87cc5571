from __future__ import annotations

from pathlib import Path

import pytest

from ledger.holdouts import draw_account, read_holdouts, write_holdouts
from lifecycle.errors import ConflictError
from tests.ledger.story import draw, new_ledger


def test_a_draw_is_the_same_each_time_and_another_for_another_key_or_campaign() -> None:
    first = draw_account(b"key", "retention", "A1")
    assert first == draw_account(b"key", "retention", "A1")
    others = [
        draw_account(b"other", "retention", "A1"),
        draw_account(b"key", "spring", "A1"),
        draw_account(b"key", "retention", "A2"),
    ]
    assert len({first, *others}) == 4


def test_draws_fall_evenly() -> None:
    drawn = [draw_account(b"key", "retention", f"A{i}") for i in range(20_000)]
    assert all(0 <= one < 1 for one in drawn)
    tenths = [sum(k <= 10 * one < k + 1 for one in drawn) for k in range(10)]
    assert max(abs(count - 2_000) for count in tenths) < 170  # 4 standard errors


def test_an_account_is_drawn_once_per_campaign(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    write_holdouts(ledger, [draw("A1", "held_out")])
    with pytest.raises(ConflictError):
        write_holdouts(ledger, [draw("A1", "contact")])
    assert read_holdouts(ledger, "retention") == {"A1": draw("A1", "held_out")}
    assert read_holdouts(ledger, "spring") == {}
