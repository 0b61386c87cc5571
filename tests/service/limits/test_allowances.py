"""Each key's pace: what it may, what it is told, and what others notice of it."""

from __future__ import annotations

import asyncio

import pytest

from lifecycle.limits import NO_PACE, Limits
from service.allowances import Allowances
from service.limits import Pace
from service.problems import Problem
from tests.service.limits.probe import Probe

READ = "/v1/deals/O1"


@pytest.mark.parametrize(("pace", "burst"), [("reads", 50), ("lists", 10), ("writes", 20)])
def test_a_key_may_ask_its_burst_and_no_more(pace: Pace, burst: int) -> None:
    allowances = Allowances(Limits())
    mine = allowances.find(1, now=0.0)
    for _ in range(burst):
        allowances.take(mine, pace, now=0.0)
    with pytest.raises(Problem, match=f"{pace} a second") as caught:
        allowances.take(mine, pace, now=0.0)
    assert (caught.value.status, caught.value.headers["ratelimit-remaining"]) == (429, "0")


def _paces() -> dict[str, float]:
    kept = Limits()
    names = ("reads_per_second", "lists_per_second", "writes_per_second", "requests_per_key")
    return {name: getattr(kept, name) for name in names}


def test_every_answer_says_what_is_left() -> None:
    async def check() -> None:
        probe = Probe(**_paces())
        answers = [await probe.ask(READ) for _ in range(3)]
        assert [one.headers["ratelimit-remaining"] for one in answers] == ["49", "48", "47"]
        assert answers[0].headers["ratelimit-limit"] == "50"

    asyncio.run(check())


def test_tokens_come_back_with_time() -> None:
    allowances = Allowances(NO_PACE.model_copy(update={"reads_per_second": 2.0}))
    mine = allowances.find(1, now=0.0)
    for _ in range(4):
        allowances.take(mine, "reads", now=0.0)
    with pytest.raises(Problem) as caught:
        allowances.take(mine, "reads", now=0.25)
    assert caught.value.headers["retry-after"] == "1"
    allowances.take(mine, "reads", now=0.5)
    with pytest.raises(Problem):
        allowances.take(mine, "reads", now=0.5)


@pytest.mark.parametrize(("at_once", "refused"), [(7, 0), (8, 0), (9, 1)])
def test_a_key_may_have_eight_at_once(at_once: int, refused: int) -> None:
    probe = Probe(requests_per_key=8, running=100)
    answers = asyncio.run(probe.ask_all([f"{READ}?seconds=0.05"] * at_once))
    assert [one.status_code for one in answers].count(429) == refused


def test_memory_is_bounded_whatever_is_sent() -> None:
    allowances = Allowances(NO_PACE.model_copy(update={"keys_remembered": 10}))
    for caller in range(1_000):
        allowances.find(caller, now=0.0)
    assert len(allowances._known) == 10


def test_a_flooding_key_takes_nothing_from_another() -> None:
    """Fair share: ten times its pace on one key, the usual pace on the other."""
    _, _, alone = asyncio.run(_flood(Probe(**_paces(), running=4, waiting=16), times=0))
    flood, usual, beside = asyncio.run(_flood(Probe(**_paces(), running=4, waiting=16)))
    assert usual == [200] * 20
    assert flood.count(429) > 0.6 * len(flood)
    assert beside <= 2 * alone + 0.02  # and a little for a shared machine


def test_the_planted_fault_is_caught() -> None:
    """Without paces the flood fills every place, and the other key is refused or late."""
    flood, usual, _ = asyncio.run(_flood(Probe(running=1, waiting=1, queue_ms=20)))
    assert usual != [200] * 20
    assert 429 not in flood


async def _flood(probe: Probe, times: int = 10) -> tuple[list[int], list[int], float]:
    """Send 20 requests of one key and so many times more of another; the usual one's p95."""
    loop = asyncio.get_running_loop()
    seconds: list[float] = []

    async def ask(key: str) -> int:
        began = loop.time()
        status = await probe.knock(f"{READ}?seconds=0.01", key)
        if key == "usual":
            seconds.append(loop.time() - began)
        return status

    jobs: dict[str, list[asyncio.Task[int]]] = {"flood": [], "usual": []}
    for _ in range(20):
        jobs["flood"] += [asyncio.create_task(ask("flood")) for _ in range(times)]
        jobs["usual"].append(asyncio.create_task(ask("usual")))
        await asyncio.sleep(0.04)
    flood, usual = [[await one for one in jobs[key]] for key in ("flood", "usual")]
    return flood, usual, sorted(seconds)[-2]
