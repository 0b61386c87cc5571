"""The commands of webhooks: who is told of which events, and what became of it."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Any

import typer

from ledger.audit import AuditEntry, append_audit
from ledger.audit_check import write_head
from ledger.engine import attach_ledger, open_ledger
from ledger.keys import load_pepper
from ledger.webhook_deliveries import read_failures, read_tallies, redeliver, take_delivery
from ledger.webhook_events import tell_test
from ledger.webhooks import (
    CHANGE_SHARE,
    EVENTS,
    RISK_THRESHOLD,
    Webhook,
    WebhookRequest,
    add_webhook,
    derive_secret,
    disable_webhook,
    find_webhook,
    read_webhooks,
)
from lifecycle.console import Console
from lifecycle.errors import ConflictError, TruecastError
from lifecycle.options import DataDir, Json
from lifecycle.settings import Settings, load_existing
from service.cli_access import operator
from service.webhook_address import Reach, check_url
from service.webhooks import NO_TALLY, SHOWN_FAILURES, describe_failure, describe_webhook
from service.worker.clock import SteadyClock
from service.worker.courier import Courier

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
webhooks = typer.Typer(no_args_is_help=True, help="Tell other systems of events.")
app.add_typer(webhooks, name="webhooks")

WebhookId = Annotated[str, typer.Argument(help="Id of the webhook, as `list` shows it.")]


@webhooks.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Where events are posted to.")],
    data_dir: DataDir = None,
    *,
    event: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(EVENTS)}; all.")] = None,
    risk_threshold: Annotated[float, typer.Option(help="Risk that is told.")] = RISK_THRESHOLD,
    change_share: Annotated[
        float, typer.Option(help="Share of a forecast's change that is told.")
    ] = CHANGE_SHARE,
    json: Json = False,
) -> None:
    """Tell an address of events; prints its secret, once, as one JSON line on stdout.

    Example: truecast webhooks add https://example.org/hook --event risk.crossed
    """
    settings = load_existing(data_dir)
    check_url(url, load_reach(settings))
    request = WebhookRequest(url, tuple(event or EVENTS), risk_threshold, change_share)
    with closing(open_ledger(settings.ledger_address)) as ledger:
        pepper = load_pepper(settings.data_dir)
        with ledger.writing() as connection:
            made = add_webhook(connection, request, operator())
        write_head(ledger, settings.data_dir)
    Console(True).emit({**_told(made), "secret": derive_secret(pepper, made.webhook_id)})


@webhooks.command("list")
def list_all(data_dir: DataDir = None, *, json: Json = False) -> None:
    """List all webhooks, and deliveries that failed with the reason.

    Example: truecast webhooks list --json
    """
    console = Console(json)
    with closing(attach_ledger(load_existing(data_dir).ledger_address)) as ledger:
        tallies = read_tallies(ledger)
        found = [
            _plain(describe_webhook(one, tallies.get(one.webhook_id, NO_TALLY)))
            for one in read_webhooks(ledger)
        ]
        failed = [
            _plain(describe_failure(one)) for one in read_failures(ledger, limit=SHOWN_FAILURES)
        ]
    columns = ["webhook_id", "url", "waiting", "dead", "last_delivered_at", "disabled_at"]
    console.table("webhooks", columns, [[one[name] for name in columns] for one in found])
    columns = ["delivery_id", "webhook_id", "event", "state", "tries", "due_at", "reason"]
    if failed:
        console.table("failed", columns, [[one[name] for name in columns] for one in failed])
    console.emit({"webhooks": found, "failures": failed})


@webhooks.command("remove")
def remove(webhook_id: WebhookId, data_dir: DataDir = None, *, json: Json = False) -> None:
    """Send nothing more to a webhook, also of what waits.

    Example: truecast webhooks remove 0a1b2c3d4e5f
    """
    settings = load_existing(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        with ledger.writing() as connection:
            ended = disable_webhook(connection, webhook_id, operator())
        write_head(ledger, settings.data_dir)
    console = Console(json)
    console.say(f"webhook {webhook_id} is disabled")
    console.emit(_told(ended))


@webhooks.command("test")
def try_out(webhook_id: WebhookId, data_dir: DataDir = None, *, json: Json = False) -> None:
    """Send an event `test` now and say how it went; exit code 5 if it was not delivered.

    Example: truecast webhooks test 0a1b2c3d4e5f
    """
    settings = load_existing(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        with ledger.writing() as connection:
            webhook = find_webhook(connection, webhook_id)
            if webhook.disabled_at is not None:
                raise ConflictError("a disabled webhook", "a living one", "add it again")
            delivery_id = tell_test(connection, webhook)
            entry = AuditEntry(operator(), "webhooks.test", f"webhook:{webhook_id}")
            append_audit(connection, entry)
        courier = Courier(ledger, settings.data_dir, reach=load_reach(settings))
        taken = take_delivery(ledger, now=SteadyClock().now(), only=delivery_id)
        sent = None if taken is None else courier.send(*taken)
        write_head(ledger, settings.data_dir)
    console = Console(json)
    reason = "a worker sends it" if sent is None else sent.reason
    console.say(f"delivery {delivery_id}: {reason or 'delivered'}")
    console.emit({"delivery_id": delivery_id, "status": sent and sent.status, "reason": reason})
    if sent is not None and sent.reason:
        raise typer.Exit(TruecastError.exit_code)


@webhooks.command("redeliver")
def send_again(
    delivery_id: Annotated[str, typer.Argument(help="Id of the delivery.")],
    data_dir: DataDir = None,
    *,
    json: Json = False,
) -> None:
    """Have a delivery sent once more, under the same id, by a worker.

    Example: truecast webhooks redeliver 5f0c7f7a0e8b4c0c9d2b6f1e3a4d5c6b
    """
    settings = load_existing(data_dir)
    with closing(attach_ledger(settings.ledger_address)) as ledger:
        with ledger.writing() as connection:
            again = redeliver(connection, delivery_id, operator())
        write_head(ledger, settings.data_dir)
    console = Console(json)
    console.say(f"delivery {delivery_id} waits for a worker")
    console.emit({"delivery_id": delivery_id, "event": again.event, "state": again.state})


def load_reach(settings: Settings) -> Reach:
    """Return where webhooks may be sent."""
    return Reach(settings.webhooks_allow_http, settings.webhooks_allow_private)


def _told(webhook: Webhook) -> dict[str, Any]:
    return _plain(describe_webhook(webhook, NO_TALLY))


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """Write instants as text."""
    return {
        name: value.isoformat(timespec="seconds") if name.endswith("_at") and value else value
        for name, value in told.items()
    }
