"""Who is worked on, who waits, who is refused; deadlines; a place is always given back."""

from __future__ import annotations

import asyncio
import time

import pytest

from service.admission import Admission
from service.guard import Guard
from tests.service.limits.probe import Probe

SLOW = "/v1/deals/O1?seconds=0.2"


def test_what_cannot_be_done_in_time_is_refused_at_once_and_told_when_to_return() -> None:
    async def check() -> None:
        probe = Probe(running=2)
        answers = await probe.ask_all([SLOW] * 5)
        assert sorted(one.status_code for one in answers) == [200, 200, 503, 503, 503]
        refused = [one for one in answers if one.status_code == 503]
        assert all(one.headers["retry-after"] == "1" for one in refused)
        assert probe.admission.running == 0

    asyncio.run(check())


@pytest.mark.parametrize(("asked", "refused"), [(4, 0), (5, 0), (6, 1)])
def test_as_many_may_wait_as_there_are_places_to_wait_in(asked: int, refused: int) -> None:
    probe = Probe(running=2, waiting=3, queue_ms=5_000)
    answers = asyncio.run(probe.ask_all(["/v1/deals/O1?seconds=0.02"] * asked))
    assert [one.status_code for one in answers].count(503) == refused
    assert probe.most_running == 2


def test_nobody_waits_longer_than_the_queue_time() -> None:
    probe = Probe(running=1, waiting=3, queue_ms=50)
    answers = asyncio.run(probe.ask_all(["/v1/deals/O1?seconds=0.5", SLOW]))
    assert [one.status_code for one in answers] == [200, 503]
    assert probe.admission.waiting == 0


def test_what_matters_more_takes_the_waiting_place_of_what_matters_less() -> None:
    async def check() -> None:
        probe = Probe(running=1, waiting=1, queue_ms=5_000)
        first = asyncio.create_task(probe.ask(SLOW))
        await asyncio.sleep(0.05)
        backtest = asyncio.create_task(probe.ask("/v1/backtests"))
        await asyncio.sleep(0.05)
        score, docs = await asyncio.gather(probe.ask("/v1/scores/churn"), probe.ask("/docs"))
        assert (await first).status_code == score.status_code == 200
        assert (await backtest).status_code == docs.status_code == 503

    asyncio.run(check())


def test_health_is_answered_when_nothing_else_is() -> None:
    probe = Probe(running=1)
    answers = asyncio.run(probe.ask_all([SLOW, SLOW, "/livez", "/readyz"]))
    assert [one.status_code for one in answers] == [200, 503, 200, 200]


@pytest.mark.parametrize("place", ["", "&thread=1"])
def test_at_the_deadline_the_caller_is_answered_and_the_place_freed(place: str) -> None:
    async def check() -> None:
        probe = Probe(running=1, request_seconds=0.2)
        began = time.monotonic()
        late = await probe.ask(f"/v1/deals/O1?seconds=2{place}")
        assert 0.15 < time.monotonic() - began < 0.7
        assert (late.status_code, late.json()["type"][-8:]) == (503, "deadline")
        assert late.headers["retry-after"] == "1"
        assert (probe.cancelled, probe.admission.running) == (1, 0)
        assert (await probe.ask("/v1/deals/O1")).status_code == 200

    asyncio.run(check())


def test_computed_scores_have_a_shorter_deadline() -> None:
    probe = Probe(scoring_seconds=0.1, request_seconds=5)
    path = "/v1/scores/churn?seconds=0.4"
    late = asyncio.run(probe.ask(path, method="POST", json={}))
    assert (late.status_code, probe.cancelled) == (503, 1)
    assert asyncio.run(probe.ask(path)).status_code == 200


def test_the_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that is not given back, and a deadline that is not kept, are both seen."""
    monkeypatch.setattr(Admission, "leave", lambda self: None)
    monkeypatch.setattr(Guard, "_find_seconds", lambda self, policy: None)
    probe = Probe(running=1, request_seconds=0.1)
    began = time.monotonic()
    asyncio.run(probe.ask("/v1/deals/O1?seconds=0.5"))
    assert time.monotonic() - began > 0.45
    assert asyncio.run(probe.ask("/v1/deals/O1")).status_code == 503


def test_a_slow_body_holds_no_place() -> None:
    async def trickle() -> object:
        yield b"["
        await asyncio.sleep(0.3)
        yield b"]"

    async def check() -> None:
        probe = Probe(running=1)
        headers = {"content-type": "application/json"}
        slow = asyncio.create_task(
            probe.ask("/v1/scores/churn", method="POST", content=trickle(), headers=headers)
        )
        await asyncio.sleep(0.1)
        assert (await probe.ask("/v1/deals/O1")).status_code == 200
        assert (await slow).status_code == 200

    asyncio.run(check())


def test_time_in_the_loops_own_queue_counts_as_waiting() -> None:
    async def check() -> None:
        admission = Admission(Probe(running=4).limits)
        with pytest.raises(Exception, match="more to do"):
            await admission.enter(2, late=0.3)  # type: ignore[arg-type]
        assert admission.running == 0

    asyncio.run(check())
