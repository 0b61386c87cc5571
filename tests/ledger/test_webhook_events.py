"""What is told is what happened: written with its cause, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from ledger import runs, webhook_events
from ledger.engine import Ledger
from ledger.releases import find_speaker, promote_release, read_releases
from ledger.runs import publish_run
from ledger.scores import write_scores
from ledger.views import write_at_risk
from ledger.webhook_deliveries import take_delivery
from ledger.webhook_events import fill_open, tell_run, tell_stale
from ledger.webhook_tables import webhook_deliveries
from ledger.webhooks import FORECAST, PROMOTED, RISK, STALE
from tests.ledger.forecast_story import book, publish_books, said
from tests.ledger.story import KNOWN, at_risk, new_run, release, score
from tests.ledger.test_webhooks import listen


def told(ledger: Ledger, event: str) -> list[dict[str, Any]]:
    """The data of all deliveries of an event, oldest first."""
    fill_open(ledger)
    query = select(webhook_deliveries.c.body).where(webhook_deliveries.c.event == event)
    with ledger.reading() as connection:
        bodies = list(connection.scalars(query.order_by(webhook_deliveries.c.id)))
    return [json.loads(one)["data"] for one in bodies]


def begin(ledger: Ledger, **risks: float) -> int:
    """Write a run of scores with these risks by account, not published yet."""
    made = release(ledger)
    run_id = new_run(ledger)
    write_scores(ledger, run_id, [score(name, made) for name in risks])
    write_at_risk(ledger, run_id, [at_risk(name, risk=risk) for name, risk in risks.items()])
    return run_id


def publish(ledger: Ledger, **risks: float) -> None:
    publish_run(ledger, begin(ledger, **risks))


def test_accounts_that_reach_the_threshold_are_told_once_by_id(ledger: Ledger) -> None:
    listen(ledger, events=[RISK], risk_threshold=0.5)
    publish(ledger, A1=0.4, A2=0.6)
    assert told(ledger, RISK) == []  # nothing to compare it with
    publish(ledger, A1=0.5, A2=0.7, A3=0.9, A4=0.2)
    data = told(ledger, RISK)[0]
    assert (data["count"], data["threshold"], data["as_of"]) == (2, 0.5, "2011-12-10")
    assert data["accounts"] == [
        {"account_id": "A3", "risk": 0.9, "risk_before": None},
        {"account_id": "A1", "risk": 0.5, "risk_before": 0.4},
    ]
    publish(ledger, A1=0.5, A2=0.7, A3=0.9)
    assert len(told(ledger, RISK)) == 1


def test_who_was_drawn_to_be_left_alone_or_is_leaving_anyway_is_not_told(ledger: Ledger) -> None:
    listen(ledger, events=[RISK])
    publish(ledger, A1=0.1, A2=0.1)
    run_id = begin(ledger)
    gone = at_risk("A1", risk=1.0, status="notice_given")
    write_at_risk(ledger, run_id, [gone, at_risk("A2", risk=0.9, treatment="held_out")])
    with ledger.writing() as connection:
        tell_run(connection, "scores", run_id)
    assert told(ledger, RISK) == []


def test_a_long_list_is_cut_and_says_how_long_it_is(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_events, "MOST_ACCOUNTS", 2)
    listen(ledger, events=[RISK])
    publish(ledger, A1=0.1)
    publish(ledger, **{f"B{number}": 0.9 for number in range(5)})
    data = told(ledger, RISK)[0]
    assert (data["count"], len(data["accounts"])) == (5, 2)


def test_a_total_that_moved_by_more_than_the_share_is_told(ledger: Ledger) -> None:
    listen(ledger, events=[FORECAST], change_share=0.05)
    other = replace(book([said(p50=50.0, served=True)]), target="revenue")
    publish_books(ledger, [book([said(served=True)]), other])
    publish_books(ledger, [book([said(p50=104.0, served=True)]), other])
    assert told(ledger, FORECAST) == []
    publish_books(ledger, [book([said(p50=93.6, served=True)]), other])
    moved = told(ledger, FORECAST)[0]["changes"]
    assert [(one["target"], one["period"]) for one in moved] == [("bookings", "2012Q1")]
    assert (moved[0]["p50_minor"], moved[0]["p50_minor_before"]) == (94.0, 104.0)
    assert moved[0]["change_share"] == pytest.approx(-10 / 104)


def test_a_promotion_is_told_without_the_reason(ledger: Ledger) -> None:
    listen(ledger, events=[PROMOTED])
    release_id = release(ledger)
    assert told(ledger, PROMOTED) == [
        {
            "model": "churn",
            "route": "non_contractual",
            "horizon_days": 90,
            "release_id": release_id,
        }
    ]


def test_stale_data_are_told_once_for_each_run(ledger: Ledger) -> None:
    listen(ledger, events=[STALE])
    for run_id in (7, 7, 8):
        with ledger.writing() as connection:
            tell_stale(connection, "scores", run_id, told={"as_of": "2011-12-10"}, now=KNOWN)
    assert [one["run_id"] for one in told(ledger, STALE)] == [7, 8]


def test_what_a_run_changed_is_worked_out_once_by_whoever_sends_it(ledger: Ledger) -> None:
    listen(ledger, events=[RISK])
    publish(ledger, A1=0.1)
    publish(ledger, A1=0.9)
    publish(ledger, A1=0.9)
    assert take_delivery(ledger, now=KNOWN) is None
    assert (fill_open(ledger), fill_open(ledger)) == (1, 0)
    assert take_delivery(ledger, now=KNOWN) is not None
    assert take_delivery(ledger, now=KNOWN) is None  # the run that changed nothing


def test_who_did_not_ask_for_an_event_is_not_told(ledger: Ledger) -> None:
    listen(ledger, events=[STALE])
    release(ledger)
    publish(ledger, A1=0.1)
    publish(ledger, A1=0.9)
    assert told(ledger, PROMOTED) == told(ledger, RISK) == []


class _Dies(Exception):  # noqa: N818
    """A process that ends in the middle of its transaction."""


def _die(name: str) -> None:
    if name == "run.publishing":
        raise _Dies


def check_rolled_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, publish_it: Callable[[Ledger, int], None]
) -> None:
    listen(ledger, events=[RISK])
    publish(ledger, A1=0.1)
    run_id = begin(ledger, A1=0.9)
    with monkeypatch.context() as dying:
        dying.setattr(runs, "crashpoint", _die)
        with pytest.raises(_Dies):
            publish_it(ledger, run_id)
    assert told(ledger, RISK) == []
    publish_it(ledger, run_id)
    assert len(told(ledger, RISK)) == 1


def test_a_run_whose_publishing_was_rolled_back_is_told_to_nobody(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_rolled_back(ledger, monkeypatch, publish_run)


def test_a_promotion_that_was_rolled_back_is_told_to_nobody(ledger: Ledger) -> None:
    release_id = release(ledger)
    listen(ledger, events=[PROMOTED])
    chosen = next(one for one in read_releases(ledger) if one.release_id == release_id)
    with suppress(_Dies), ledger.writing() as connection:
        promote_release(connection, chosen, reason="again")
        assert find_speaker(connection, chosen) is not None
        raise _Dies
    assert told(ledger, PROMOTED) == []


def _tell_apart(ledger: Ledger, run_id: int) -> None:
    with ledger.writing() as connection:  # in a transaction of its own
        tell_run(connection, "scores", run_id)
    publish_run(ledger, run_id)


def _tell_after(ledger: Ledger, run_id: int) -> None:
    tell = runs.tell_run
    runs.tell_run = lambda *_: None
    try:
        publish_run(ledger, run_id)
    finally:
        runs.tell_run = tell  # it ended before it was told


@pytest.mark.parametrize("fault", [_tell_apart, _tell_after])
def test_the_planted_fault_is_caught(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Ledger, int], None]
) -> None:
    with pytest.raises(AssertionError):
        check_rolled_back(ledger, monkeypatch, fault)
