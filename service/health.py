"""Whether the process is alive, and whether it can answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ledger.runs import RunKind, read_current_run
from lifecycle.errors import TruecastError
from service.auth import PUBLIC, ScopedRoute, needs
from service.deps import Service, ServiceHere
from service.problems import Problem
from service.scoring.keeper import Keeper
from service.shapes import ApiModel

router = APIRouter(route_class=ScopedRoute, tags=["health"])


class Alive(ApiModel):
    """The process runs."""

    alive: bool = Field(examples=[True])


class Ready(ApiModel):
    """The service can answer; ``notes`` says what there is nothing to answer from yet."""

    ready: bool = Field(examples=[True])
    synthetic: bool = Field(description="Whether the facts are made up, not a company's")
    degraded: bool = Field(description="Whether something answers that is old or not the latest")
    notes: list[str] = Field(examples=[["no backtest was published yet: run `truecast backtest`"]])


_RUN_COMMANDS: dict[RunKind, str] = {
    "scores": "truecast refresh",
    "forecast": "truecast refresh",
    "backtest": "truecast backtest",
    "deals": "truecast train deal_win` and `truecast refresh",
}


@router.get("/livez", operation_id="readLiveness", openapi_extra=needs(PUBLIC, rows="none"))
async def read_liveness() -> Alive:
    """Say that the process runs; touches nothing else."""
    return Alive(alive=True)


@router.get("/readyz", operation_id="readReadiness", openapi_extra=needs(PUBLIC, rows="none"))
async def read_readiness(service: ServiceHere, request: Request) -> Ready:
    """Say whether requests can be answered; 503 with reasons if not."""
    # in a thread: a ledger that does not answer must not hold up everybody else
    reasons = await run_in_threadpool(find_reasons, service)
    if reasons:
        raise Problem(
            503,
            "not-ready",
            "the service cannot answer yet; see reasons",
            headers={"retry-after": "5"},
            extra={"reasons": reasons},
        )
    notes = [
        f"no {kind} run was published yet: run `{command}`"
        for kind, command in _RUN_COMMANDS.items()
        if read_current_run(service.ledger, kind) is None
    ]
    degraded = find_faults(service, request.app.state.scorer.keeper)
    return Ready(
        ready=True,
        synthetic=service.options.synthetic,
        degraded=bool(degraded),
        notes=[*degraded, *notes],
    )


def find_faults(service: Service, keeper: Keeper, *, now: datetime | None = None) -> list[str]:
    """Return what is old, or was released and refused, although the service can answer."""
    found = [f"a released bundle does not speak: {one}" for one in keeper.troubles]
    limit, now = timedelta(days=service.options.stale_after_days), now or datetime.now(UTC)
    for one in keeper.champions.values():
        if now - one.release.created_at > limit:
            days = (now - one.release.created_at).days
            found.append(f"the model {one.release.model} was trained {days} days ago")
    for kind in ("scores", "deals"):
        run = read_current_run(service.ledger, kind)
        if run is not None and now - run.started_at > limit:
            found.append(f"the newest {kind} run is {(now - run.started_at).days} days old")
    return found


def find_reasons(service: Service) -> list[str]:
    """Return why no request can be answered; empty if all is well."""
    reasons = []
    for probe in ("ledger", "pepper"):
        try:
            getattr(service, probe)
        except TruecastError as error:
            reasons.append(str(error))
    if not reasons:
        try:
            read_current_run(service.ledger, "scores")
        except TruecastError as error:
            reasons.append(str(error))
    return reasons
