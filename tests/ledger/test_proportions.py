"""Intervals of shares."""

from __future__ import annotations

import pytest

from ledger.proportions import wilson


@pytest.mark.parametrize("count", [1, 7, 50, 337, 10_000])
def test_what_never_or_always_happened_ends_exactly_at_zero_or_one(count: int) -> None:
    assert wilson(0, count)[0] == 0.0
    assert wilson(count, count)[1] == 1.0
