"""Webhooks and deliveries as they are kept: made with a row of audit, taken by one, given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from ledger import webhooks
from ledger.audit import Actor, read_audit
from ledger.engine import Ledger
from ledger.webhook_deliveries import (
    HOLD,
    KEPT,
    Delivery,
    Sent,
    drop_old,
    note_sent,
    read_delivery,
    read_failures,
    read_tallies,
    redeliver,
    take_delivery,
)
from ledger.webhook_events import tell_test
from ledger.webhook_tables import webhook_deliveries
from ledger.webhooks import (
    MOST_WEBHOOKS,
    Webhook,
    WebhookRequest,
    add_webhook,
    derive_secret,
    disable_webhook,
    find_listeners,
    find_webhook,
    read_webhooks,
)
from lifecycle.errors import ConflictError, LedgerError, UsageError
from tests.ledger.test_jobs import LATER, NOW

BY = Actor("key:ab12cd34", role="admin")


def listen(ledger: Ledger, url: str = "https://example.org/hook", **wanted: Any) -> Webhook:
    with ledger.writing() as connection:
        return add_webhook(connection, WebhookRequest(url, **wanted), BY)


def tell(ledger: Ledger, webhook: Webhook) -> str:
    with ledger.writing() as connection:
        return tell_test(connection, webhook)


def take(ledger: Ledger, now: datetime = NOW, **given: Any) -> Delivery:
    found = take_delivery(ledger, now=now, **given)
    assert found is not None
    return found[1]


def test_a_webhook_is_added_and_disabled_with_a_row_of_audit_each(ledger: Ledger) -> None:
    made = listen(ledger)
    with ledger.writing() as connection:
        ended = disable_webhook(connection, made.webhook_id, BY)
        assert disable_webhook(connection, made.webhook_id, BY) == ended
        assert find_listeners(connection, "risk.crossed") == []
    assert [one.disabled_at for one in read_webhooks(ledger)] == [ended.disabled_at]
    rows = list(read_audit(ledger))
    assert [row.action for row in rows] == ["webhooks.create", "webhooks.disable"]
    assert {row.principal for row in rows} == {BY.name}
    assert rows[0].after_hash == rows[1].before_hash != rows[1].after_hash


def test_without_its_row_of_audit_nothing_is_added(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise LedgerError("full")

    monkeypatch.setattr(webhooks, "append_audit", fail)
    with pytest.raises(LedgerError):
        listen(ledger)
    assert read_webhooks(ledger) == []


@pytest.mark.parametrize(
    "wanted",
    [{"events": []}, {"events": ["other"]}, {"risk_threshold": 0.0}, {"change_share": 1.5}],
)
def test_what_is_no_webhook_is_refused(ledger: Ledger, wanted: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        listen(ledger, **wanted)


def test_there_are_only_so_many(ledger: Ledger) -> None:
    for _ in range(MOST_WEBHOOKS):
        last = listen(ledger)
    with pytest.raises(ConflictError):
        listen(ledger)
    with ledger.writing() as connection:
        disable_webhook(connection, last.webhook_id, BY)
    listen(ledger)


def test_a_secret_is_its_webhooks_own_and_stands_in_no_row(ledger: Ledger) -> None:
    made = listen(ledger)
    secret = derive_secret(b"p" * 32, made.webhook_id)
    assert secret != derive_secret(b"p" * 32, listen(ledger).webhook_id)
    assert secret != derive_secret(b"q" * 32, made.webhook_id)
    with ledger.reading() as connection:
        rows = connection.execute(text("SELECT * FROM webhooks")).all()
    assert secret.removeprefix("whsec_") not in str(rows)


def test_a_delivery_is_taken_by_one_and_is_due_again_if_nothing_is_noted(ledger: Ledger) -> None:
    tell(ledger, listen(ledger))
    assert take(ledger).tries == 1
    assert take_delivery(ledger, now=NOW + HOLD - timedelta(seconds=1)) is None
    assert take(ledger, NOW + HOLD).tries == 2


def test_a_late_note_of_a_try_changes_nothing(ledger: Ledger) -> None:
    tell(ledger, listen(ledger))
    first = take(ledger)
    second = take(ledger, NOW + HOLD)
    note_sent(ledger, first, Sent(500, "late"), now=LATER)
    note_sent(ledger, second, Sent(200), now=LATER)
    kept = read_delivery(ledger, first.delivery_id)
    assert kept is not None
    assert (kept.state, kept.status, kept.reason, kept.ended_at) == ("delivered", 200, None, LATER)


def test_what_waits_for_a_disabled_webhook_is_dead(ledger: Ledger) -> None:
    made = listen(ledger)
    delivery_id = tell(ledger, made)
    with ledger.writing() as connection:
        disable_webhook(connection, made.webhook_id, BY)
    assert take_delivery(ledger, now=NOW) is None
    assert read_failures(ledger, limit=5)[0].reason == "the webhook was disabled"
    with pytest.raises(UsageError), ledger.writing() as connection:
        redeliver(connection, delivery_id, BY)


def test_a_delivery_is_sent_again_on_wish_with_all_its_tries(ledger: Ledger) -> None:
    delivery_id = tell(ledger, listen(ledger))
    note_sent(ledger, take(ledger), Sent(200), now=NOW)
    with ledger.writing() as connection:
        redeliver(connection, delivery_id, BY)
    again = take(ledger, only=delivery_id)
    assert (again.delivery_id, again.tries) == (delivery_id, 1)
    assert list(read_audit(ledger))[-1].object == f"delivery:{delivery_id}"


def test_tallies_count_by_webhook_and_old_deliveries_are_forgotten(ledger: Ledger) -> None:
    one, other = listen(ledger), listen(ledger)
    for made in (one, one, other):
        tell(ledger, made)
    note_sent(ledger, take(ledger), Sent(200), now=NOW)
    tallies = read_tallies(ledger)
    assert (tallies[one.webhook_id].waiting, tallies[one.webhook_id].dead) == (1, 0)
    assert tallies[one.webhook_id].last_delivered_at == NOW
    assert drop_old(ledger, now=NOW + KEPT - timedelta(seconds=1)) == 0
    assert drop_old(ledger, now=NOW + KEPT) == 1
    assert read_tallies(ledger)[other.webhook_id].waiting == 1


def test_an_unknown_webhook_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError), ledger.reading() as connection:
        find_webhook(connection, "nobody")


def test_a_delivery_that_waits_for_its_data_is_not_sent_without(ledger: Ledger) -> None:
    delivery_id = tell(ledger, listen(ledger))
    mine = webhook_deliveries.c.delivery_id == delivery_id
    with ledger.writing() as connection:
        connection.execute(webhook_deliveries.update().where(mine).values(state="open"))
    with pytest.raises(UsageError), ledger.writing() as connection:
        redeliver(connection, delivery_id, BY)
