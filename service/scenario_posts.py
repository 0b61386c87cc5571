"""Saving a what-if of a quarter, and having it simulated by a worker."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from ledger.scenarios import SavedScenario, find_scenario, now, save_scenario
from lifecycle.periods import Quarter
from models.forecast.raw import ORDERS
from models.forecast.scenarios import Scenario, Toggle, to_document
from service.auth import ScopedRoute, actor_of, find_caller, needs
from service.bodies import LARGEST_BYTES, describe_effect
from service.deps import Service, find_service
from service.forecast_shapes import Definition
from service.idempotency import once
from service.jobs import JobAnswer, ask_for_job
from service.problems import Problem, refuse_parameter
from service.scenarios import NamePath, ScenarioAnswer, describe_scenario
from service.shapes import ID_PATTERN, PERIOD_PATTERN, ApiModel
from service.strict_json import check_body, read_body

router = APIRouter(route_class=ScopedRoute, tags=["scenarios"])
Id = Annotated[str, Field(pattern=ID_PATTERN)]
Ids = Annotated[list[Id], Field(max_length=1_000)]
Shock = Annotated[float, Field(ge=-10, le=10)]


class DealSupposed(ApiModel):
    """What is supposed of one deal."""

    deal: Id
    to: str | None = Field(
        default=None,
        pattern=rf"^(won|lost)$|{PERIOD_PATTERN}",
        description="won, lost, or the quarter it closes in; null: as forecast",
    )
    amount_minor: int | None = Field(default=None, ge=0, le=10**15)


class ScenarioWanted(ApiModel):
    """A named what-if; it never changes once it is saved."""

    name: str = Field(pattern=r"^[^\x00-\x1f\x7f/]{1,100}$", examples=["Acme signs"])
    definition: Definition = Field(description="Any target but orders")
    period: str = Field(pattern=PERIOD_PATTERN, examples=["2012Q1"])
    rationale: str = Field(
        min_length=1, max_length=2_000, description="Why anybody should think so"
    )
    deals: list[DealSupposed] = Field(default=[], max_length=1_000)
    shocks: dict[str, Shock] = Field(
        default={}, max_length=4, description="win, volume, amount or churn, in log odds or logs"
    )
    hiring_factor: float = Field(default=1.0, gt=0, le=100)
    hiring_from_week: int = Field(default=0, ge=0, le=14)
    extra_pipeline_minor: float = Field(default=0.0, ge=0, le=1e15)
    saved: Ids = Field(default=[])
    leaving: Ids = Field(default=[])


@router.post(
    "/v1/scenarios",
    operation_id="saveScenario",
    status_code=201,
    response_model=ScenarioAnswer,
    openapi_extra={**needs("scenarios:write"), **describe_effect(ScenarioWanted)},
)
async def save(request: Request) -> Response:
    """Save a what-if in the caller's name; saved again with the same words it stays as it is."""
    wanted = check_body(ScenarioWanted, await read_body(request, LARGEST_BYTES))
    caller, by, service = find_caller(request), actor_of(request), find_service(request)
    scenario = _scenario(wanted, service, caller.name)

    def write(connection: Any) -> tuple[int, object]:
        kept = save_scenario(connection, scenario, by)
        return 201, ScenarioAnswer.model_validate(describe_scenario(service, kept, []))

    return await once(request, caller, write)


@router.post(
    "/v1/scenarios/{name}/runs",
    operation_id="runScenario",
    status_code=202,
    response_model=JobAnswer,
    openapi_extra={**needs("scenarios:write"), **describe_effect()},
)
async def run(request: Request, name: NamePath) -> Response:
    """Have a saved what-if simulated on the newest forecast; answers with the job."""
    caller = find_caller(request)

    def ask(connection: Any) -> tuple[int, object]:
        if find_scenario(connection, name) is None:
            expected = "expected a name that GET /v1/scenarios lists; correct it or save it first"
            raise Problem(404, "unknown-scenario", f"no scenario has that name; {expected}")
        word = f"{caller.name} {name}"
        return 202, ask_for_job(connection, request, "scenario_run", {"name": name}, dedup=word)

    return await once(request, caller, ask)


def _scenario(wanted: ScenarioWanted, service: Service, author: str) -> SavedScenario:
    if wanted.definition == ORDERS:
        raise refuse_parameter("body.definition", "any definition but orders")
    period = str(Quarter.parse(wanted.period, service.options.calendar))
    names = ("name", "rationale", "hiring_factor", "hiring_from_week", "extra_pipeline_minor")
    scenario = Scenario(
        **{name: getattr(wanted, name) for name in names},
        author=author[:100],
        target=wanted.definition,
        period=period,
        toggles=tuple(Toggle(one.deal, one.to, one.amount_minor) for one in wanted.deals),
        shocks=wanted.shocks,
        saved=tuple(wanted.saved),
        leaving=tuple(wanted.leaving),
    )
    named = {name: getattr(scenario, name) for name in ("name", "target", "period", "rationale")}
    return SavedScenario(
        **named, author=scenario.author, change=to_document(scenario), created_at=now()
    )
