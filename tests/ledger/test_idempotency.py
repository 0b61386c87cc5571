"""A request's effect and its answer stand in one transaction, once for every key."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from ledger import idempotency
from ledger.effect_tables import effects
from ledger.engine import Ledger
from ledger.gap_tables import scenarios
from ledger.idempotency import InFlightError, OtherBodyError, Request, act_once, purge_effects

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ASKED = Request("key:a", "POST /v1/x", "one", "digest")
Action = Callable[[Any], tuple[int, bytes]]


def _save(name: str, *, pause: float = 0.0) -> Action:
    """An effect that can be counted, and whose answer differs each time."""

    def action(connection: Any) -> tuple[int, bytes]:
        values = {"name": f"{name} {time.monotonic_ns()}", "change": "{}", "created_at": NOW}
        words = dict.fromkeys(("target", "period", "rationale", "author"), "x")
        connection.execute(insert(scenarios), {**values, **words})
        time.sleep(pause)
        return 201, values["name"].encode()

    return action


def _count(ledger: Ledger) -> int:
    with ledger.reading() as connection:
        return len(connection.execute(select(scenarios.c.id)).all())


def _until_answered(ledger: Ledger) -> bytes:
    for _ in range(100):
        try:
            return act_once(ledger, ASKED, _save("s", pause=0.05), now=NOW).body
        except InFlightError:
            time.sleep(0.02)
    raise AssertionError("never answered")


def test_many_at_once_have_one_effect_and_one_answer(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda _: _until_answered(ledger), range(16)))
    assert len(set(bodies)) == 1
    assert _count(ledger) == 1


def test_the_planted_fault_is_caught(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without looking for the row first, a retry has its effect again."""
    monkeypatch.setattr(Request, "row_id", property(lambda self: f"{time.monotonic_ns()}"))
    for _ in range(2):
        act_once(ledger, ASKED, _save("s"), now=NOW)
    assert _count(ledger) == 2


def test_a_retry_is_answered_with_the_same_bytes(ledger: Ledger) -> None:
    first = act_once(ledger, ASKED, _save("s"), now=NOW)
    again = act_once(ledger, ASKED, _save("s"), now=NOW + timedelta(hours=71))
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.status, again.body) == (first.status, first.body)


def test_another_body_under_the_same_key_is_refused(ledger: Ledger) -> None:
    act_once(ledger, ASKED, _save("s"), now=NOW)
    other = Request(ASKED.principal, ASKED.route, ASKED.key, "another digest")
    with pytest.raises(OtherBodyError, match="choose a new key"):
        act_once(ledger, other, _save("s"), now=NOW)
    assert _count(ledger) == 1


@pytest.mark.parametrize("other", [("key:b", "POST /v1/x"), ("key:a", "POST /v1/y")])
def test_the_same_key_of_another_caller_or_route_is_another(
    ledger: Ledger, other: tuple[str, str]
) -> None:
    act_once(ledger, ASKED, _save("s"), now=NOW)
    asked = Request(*other, ASKED.key, ASKED.body_digest)
    assert not act_once(ledger, asked, _save("s"), now=NOW).replayed
    assert _count(ledger) == 2


def test_an_effect_that_fails_leaves_nothing_and_frees_the_key(ledger: Ledger) -> None:
    def fail(connection: Any) -> tuple[int, bytes]:
        _save("s")(connection)
        raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="disk"):
        act_once(ledger, ASKED, fail, now=NOW)
    assert _count(ledger) == 0
    assert not act_once(ledger, ASKED, _save("s"), now=NOW).replayed


def test_after_72_hours_the_key_is_free(ledger: Ledger) -> None:
    act_once(ledger, ASKED, _save("s"), now=NOW)
    later = NOW + timedelta(hours=72)
    assert not act_once(ledger, ASKED, _save("s"), now=later).replayed


def test_old_answers_are_purged_a_few_at_a_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        act_once(ledger, Request("p", "r", str(number), "d"), _save("s"), now=NOW)
    monkeypatch.setattr(idempotency, "PURGED_AT_ONCE", 3)
    with ledger.writing() as connection:
        purged = [purge_effects(connection, now=NOW + timedelta(hours=73)) for _ in range(3)]
        assert connection.execute(select(effects.c.id)).all() == []
    assert purged == [3, 2, 0]


def test_while_one_works_the_other_is_told_or_waits(ledger: Ledger) -> None:
    """PostgreSQL says so at once; SQLite has one writer, so that the second finds the answer."""
    begun, told = threading.Event(), []

    def slow(connection: Any) -> tuple[int, bytes]:
        begun.set()
        return _save("s", pause=0.3)(connection)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(act_once, ledger, ASKED, slow, now=NOW)
        begun.wait(5)
        try:
            told.append(act_once(ledger, ASKED, _save("s"), now=NOW).replayed)
        except InFlightError:
            told.append(True)
        assert first.result().status == 201
    assert told == [True]
    assert _count(ledger) == 1
