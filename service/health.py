"""Whether the process is alive, and whether it can answer."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ledger.runs import RunKind, read_current_run
from lifecycle.errors import TruecastError
from service.auth import PUBLIC, ScopedRoute, needs
from service.deps import Service
from service.logs import tell
from service.problems import Problem
from service.scoring.keeper import Keeper
from service.shapes import ApiModel

router = APIRouter(route_class=ScopedRoute, tags=["health"])
LOG = logging.getLogger("truecast.process")
KEPT_SECONDS = 1.0
# for anybody who asks; what was found, with its names and versions, goes to the log
_NO_LEDGER = (
    "the ledger is missing, out of reach or of another version: run `truecast migrate`, or ask "
    "`truecast doctor`"
)
_NO_PEPPER = (
    "the secret behind keys and cursors cannot be read: run `truecast keys create`, or ask "
    "`truecast doctor`"
)
_UNREADABLE = "the ledger cannot be read: ask `truecast doctor`"


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


class Readiness:
    """Whether requests can be answered: looked at once a second, however many ask.

    Parameters
    ----------
    service, keeper
        What answers are read from, and who speaks.
    """

    def __init__(self, service: Service, keeper: Keeper) -> None:
        self._service, self._keeper = service, keeper
        self._found: Ready | list[str] = []
        self._until = 0.0
        self._looking: asyncio.Task[Ready | list[str]] | None = None
        self._told: dict[str, str] = {}

    async def read(self) -> Ready | list[str]:
        """Return that the service is ready, or why it is not, in words for anybody."""
        if time.monotonic() < self._until:
            return self._found
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        # whoever leaves must not take the answer from the others
        return await asyncio.shield(self._looking)

    async def _look(self) -> Ready | list[str]:
        # in a thread: a ledger that does not answer must not hold up everybody else
        self._found = await run_in_threadpool(self._find)
        self._until = time.monotonic() + KEPT_SECONDS
        return self._found

    def _find(self) -> Ready | list[str]:
        reasons = find_reasons(self._service)
        found: Ready | list[str] = [*reasons]
        if not reasons:
            try:
                found = _describe(self._service, self._keeper)
            except TruecastError as error:
                reasons = {_UNREADABLE: str(error)}
                found = [*reasons]
        if reasons != self._told:
            for why in reasons.values():
                tell(LOG, "not_ready", level=logging.WARNING, why=why)
        self._told = reasons
        return found


@router.get("/readyz", operation_id="readReadiness", openapi_extra=needs(PUBLIC, rows="none"))
async def read_readiness(request: Request) -> Ready:
    """Say whether requests can be answered; 503 with reasons if not."""
    readiness: Readiness = request.app.state.readiness
    found = await readiness.read()
    if isinstance(found, Ready):
        return found
    raise Problem(
        503,
        "not-ready",
        "the service cannot answer yet; see reasons",
        headers={"retry-after": "5"},
        extra={"reasons": found},
    )


def find_faults(service: Service, keeper: Keeper, *, now: datetime | None = None) -> list[str]:
    """Return what is old, or was released and refused, although the service can answer.

    In words for anybody: why a bundle was refused is in the log.
    """
    found = [f"a released bundle does not speak: {_name(one)}" for one in keeper.troubles]
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


def find_reasons(service: Service) -> dict[str, str]:
    """Return why no request can be answered: words for anybody, each with what was found.

    Empty if all is well.
    """
    reasons = {}
    for words, probe in ((_NO_LEDGER, "ledger"), (_NO_PEPPER, "pepper")):
        try:
            getattr(service, probe)
        except TruecastError as error:
            reasons[words] = str(error)
    if not reasons:
        try:
            read_current_run(service.ledger, "scores")
        except TruecastError as error:
            reasons[_UNREADABLE] = str(error)
    return reasons


def _describe(service: Service, keeper: Keeper) -> Ready:
    notes = [
        f"no {kind} run was published yet: run `{command}`"
        for kind, command in _RUN_COMMANDS.items()
        if read_current_run(service.ledger, kind) is None
    ]
    degraded = find_faults(service, keeper)
    return Ready(
        ready=True,
        synthetic=service.options.synthetic,
        degraded=bool(degraded),
        notes=[*degraded, *notes],
    )


def _name(trouble: str) -> str:
    """Return which bundle a line of the keeper speaks of, without the reason."""
    return trouble.partition(":")[0]
