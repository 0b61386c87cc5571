"""Who is told of events: adding, listing and disabling webhooks; a worker sends what is told."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from ledger.webhook_deliveries import Delivery, Tally, read_failures, read_tallies
from ledger.webhooks import (
    CHANGE_SHARE,
    LONGEST_URL,
    RISK_THRESHOLD,
    Webhook,
    WebhookRequest,
    add_webhook,
    derive_secret,
    disable_webhook,
    read_webhooks,
)
from lifecycle.errors import UsageError
from service.auth import ScopedRoute, actor_of, find_caller, needs
from service.bodies import LARGEST_BYTES, describe_effect
from service.deps import ServiceHere, find_service
from service.idempotency import once
from service.problems import Problem, refuse_parameter
from service.shapes import ApiModel
from service.strict_json import check_body, read_body
from service.webhook_address import check_url

router = APIRouter(route_class=ScopedRoute, tags=["webhooks"])
MANAGE = needs("webhooks:manage", rows="none")
SHOWN_FAILURES = 50
NO_TALLY = Tally(0, 0, None)
Event = Literal["risk.crossed", "forecast.changed", "model.promoted", "data.stale"]
ALL: list[Event] = ["risk.crossed", "forecast.changed", "model.promoted", "data.stale"]
WebhookId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{12}$", description="Webhook id", examples=["0a1b2c3d4e5f"])
]


class WebhookWanted(ApiModel):
    """Who is to be told of what."""

    url: str = Field(min_length=1, max_length=LONGEST_URL, examples=["https://example.org/hook"])
    events: list[Event] = Field(default=ALL, min_length=1, max_length=len(ALL))
    risk_threshold: float = Field(
        default=RISK_THRESHOLD, gt=0, le=1, description="At which risk an account is told"
    )
    change_share: float = Field(
        default=CHANGE_SHARE, ge=0, le=1, description="Beyond which share a forecast's change is"
    )


class WebhookAnswer(ApiModel):
    """One webhook and how its deliveries of the last 30 days stand."""

    webhook_id: str = Field(examples=["0a1b2c3d4e5f"])
    url: str
    events: list[Event]
    risk_threshold: float
    change_share: float
    created_by: str
    created_at: datetime
    disabled_at: datetime | None = Field(description="Since when nothing is sent")
    waiting: int = Field(description="Deliveries that are still tried")
    dead: int = Field(description="Deliveries that were given up")
    last_delivered_at: datetime | None


class WebhookMade(WebhookAnswer):
    """A new webhook with its secret, which no other answer shows."""

    secret: str = Field(description="Signs every delivery; keep it like a password")


class FailureAnswer(ApiModel):
    """A delivery that failed: it is tried again, or was given up."""

    delivery_id: str
    webhook_id: str
    event: Event | Literal["test"]
    state: Literal["waiting", "dead"]
    tries: int
    status: int | None = Field(description="HTTP status of the last answer")
    reason: str
    created_at: datetime
    due_at: datetime | None = Field(description="When it is tried next; null: at once, or never")


class WebhooksAnswer(ApiModel):
    """All webhooks, newest first, and the newest failures."""

    webhooks: list[WebhookAnswer]
    failures: list[FailureAnswer]


@router.get("/v1/webhooks", operation_id="listWebhooks", openapi_extra=MANAGE)
def list_webhooks(service: ServiceHere) -> WebhooksAnswer:
    """List all webhooks and the deliveries that failed lately."""
    tallies = read_tallies(service.ledger)
    found = [
        describe_webhook(one, tallies.get(one.webhook_id, NO_TALLY))
        for one in read_webhooks(service.ledger)
    ]
    failed = [describe_failure(one) for one in read_failures(service.ledger, limit=SHOWN_FAILURES)]
    return WebhooksAnswer.model_validate({"webhooks": found, "failures": failed})


@router.post(
    "/v1/webhooks",
    operation_id="addWebhook",
    status_code=201,
    response_model=WebhookMade,
    openapi_extra={**MANAGE, **describe_effect(WebhookWanted)},
)
async def add(request: Request) -> Response:
    """Tell an address of events from now on; the answer shows its secret, and no other does."""
    wanted = check_body(WebhookWanted, await read_body(request, LARGEST_BYTES))
    service = find_service(request)
    try:
        check_url(wanted.url, service.options.reach)
    except UsageError as error:
        raise refuse_parameter("body.url", str(error)) from error
    asked, by = WebhookRequest(**wanted.model_dump()), actor_of(request)

    def write(connection: Any) -> tuple[int, object]:
        made = describe_webhook(add_webhook(connection, asked, by), NO_TALLY)
        return 201, WebhookAnswer.model_validate(made)

    kept = await once(request, find_caller(request), write)
    # the secret is added behind what is kept for a retry: it stands in no row of the ledger
    told = json.loads(bytes(kept.body))
    told["secret"] = derive_secret(service.pepper, told["webhook_id"])
    replayed = {name: value for name, value in kept.headers.items() if name.startswith("idem")}
    return Response(json.dumps(told), 201, headers=replayed, media_type="application/json")


@router.post(
    "/v1/webhooks/{webhook_id}/disable",
    operation_id="disableWebhook",
    response_model=WebhookAnswer,
    openapi_extra={**MANAGE, **describe_effect()},
)
async def disable(request: Request, webhook_id: WebhookId) -> Response:
    """Send nothing more to a webhook, also of what waits; one that is disabled stays so."""
    by = actor_of(request)

    def write(connection: Any) -> tuple[int, object]:
        try:
            ended = disable_webhook(connection, webhook_id, by)
        except UsageError as error:
            detail = "no such webhook; expected an id that GET /v1/webhooks lists; correct the id"
            raise Problem(404, "unknown-webhook", detail) from error
        return 200, WebhookAnswer.model_validate(describe_webhook(ended, NO_TALLY))

    return await once(request, find_caller(request), write)


def describe_webhook(webhook: Webhook, tally: Tally) -> dict[str, Any]:
    """Return a webhook as its answer shows it."""
    return {**vars(webhook), "events": list(webhook.events), **vars(tally)}


def describe_failure(failed: Delivery) -> dict[str, Any]:
    """Return a delivery that failed as its answer shows it; its text is not repeated."""
    told = {name: getattr(failed, name) for name in FailureAnswer.model_fields}
    return {**told, "due_at": None if failed.state == "dead" else failed.due_at}
