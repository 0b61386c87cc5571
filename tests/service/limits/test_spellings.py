"""One key is one caller, however its header is written."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest

from lifecycle.limits import Limits
from tests.service.limits.probe import Probe

READ = "/v1/deals/O1"
BURST = 50


def _statuses(headers: list[str]) -> list[int]:
    async def knock() -> list[int]:
        kept = Limits()
        probe = Probe(reads_per_second=kept.reads_per_second)
        return [await probe.knock(READ, one) for one in headers]

    return asyncio.run(knock())


@pytest.mark.parametrize(
    "spellings",
    [
        ["".join(one) + " k" for one in product(*[(a, a.upper()) for a in "bearer"])] * 2,
        [f"Bearer {' ' * more}k" for more in range(100)],
        [f"Bearer a.b.k{'=' * (more % 4)}" for more in range(100)],
    ],
    ids=["scheme", "spaces", "padding"],
)
def test_no_spelling_of_the_header_gives_a_key_another_pace(spellings: list[str]) -> None:
    statuses = _statuses(spellings)
    assert BURST <= statuses.count(200) <= BURST + 10  # some come back meanwhile
    assert statuses.count(429) >= 30


@pytest.mark.parametrize("form", ["Bearer k{}", "k{}", "Bearer k.{}", "Basic {}="])
def test_each_key_has_its_own_pace(form: str) -> None:
    assert set(_statuses([form.format(one) for one in range(100)])) == {200}
