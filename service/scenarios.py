"""Named what-ifs of a quarter: what was supposed, by whom and why, and what it came to.

They are saved and run by ``truecast scenarios`` and `service.scenario_posts`; here they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field

from ledger.runs import read_run
from ledger.scenarios import SavedScenario, ScenarioRun, read_scenario_runs, read_scenarios
from models.forecast.raw import TARGETS
from service.auth import ScopedRoute, needs
from service.deps import Service, ServiceHere
from service.forecast_shapes import Definition, EachQuery
from service.problems import Problem
from service.shapes import PERIOD_PATTERN, ApiModel, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["scenarios"])
NAMES_SHOWN = 12
NamePath = Annotated[
    str,
    Path(
        # a name as a person typed it, but for the slash, which would be another path
        pattern=r"^[^\x00-\x1f\x7f/]{1,100}$",
        description="Name of a saved scenario",
        examples=["Acme signs"],
    ),
]


class ScenarioOutcome(Fresh):
    """What a scenario came to on the inputs of one forecast."""

    origin: date = Field(description="The forecast's day")
    digest: str = Field(description="SHA-256 of the simulation inputs it ran on")
    computed_at: datetime
    result: dict[str, Any] = Field(
        description="Distribution with and without the change, and the difference; minor units"
    )


class ScenarioAnswer(ApiModel):
    """One saved scenario; it never changes."""

    name: str = Field(examples=["Acme signs"])
    definition: Definition
    covers: str
    period: str = Field(examples=["2012Q1"])
    rationale: str = Field(description="Why anybody should suppose so")
    author: str
    created_at: datetime
    change: dict[str, Any] = Field(description="What is supposed")
    synthetic: bool = Field(description="Whether the facts are made up, not a company's")
    outcomes: list[ScenarioOutcome] = Field(
        description="What it came to, newest first; in the list only the newest"
    )


class ScenariosAnswer(ApiModel):
    """Saved scenarios, newest first; empty before the first was saved."""

    synthetic: bool = Field(description="Whether the facts are made up, not a company's")
    scenarios: list[ScenarioAnswer]


@router.get(
    "/v1/scenarios",
    operation_id="listScenarios",
    openapi_extra=needs("forecast:read"),
)
def list_scenarios(
    service: ServiceHere,
    period: Annotated[
        str | None, Query(pattern=PERIOD_PATTERN, description="Only of this quarter")
    ] = None,
    definition: EachQuery = None,
) -> ScenariosAnswer:
    """List saved scenarios with what each came to last; without a definition those of all."""
    saved = read_scenarios(service.ledger, period)
    return ScenariosAnswer.model_validate(
        {
            "synthetic": service.options.synthetic,
            "scenarios": [
                describe_scenario(service, one, read_scenario_runs(service.ledger, one.name)[:1])
                for one in saved
                if definition in {None, one.target}
            ],
        }
    )


@router.get(
    "/v1/scenarios/{name}",
    operation_id="readScenario",
    openapi_extra=needs("forecast:read"),
)
def show_scenario(name: NamePath, service: ServiceHere) -> ScenarioAnswer:
    """Show one scenario: what is supposed and why, and what it came to on each forecast."""
    saved = {one.name: one for one in read_scenarios(service.ledger)}
    if name not in saved:
        known = ", ".join(list(saved)[:NAMES_SHOWN])
        expected = f"one of {known}" if known else "one saved by `truecast scenarios add`"
        raise Problem(404, "unknown-scenario", f"no scenario has that name; expected {expected}")
    runs = read_scenario_runs(service.ledger, name)
    return ScenarioAnswer.model_validate(describe_scenario(service, saved[name], runs))


def describe_scenario(
    service: Service, one: SavedScenario, runs: list[ScenarioRun]
) -> dict[str, Any]:
    """Return a saved what-if as its answer shows it, with what it came to."""
    names = ("name", "period", "rationale", "author", "created_at", "change")
    return {
        **{name: getattr(one, name) for name in names},
        "definition": one.target,
        "covers": TARGETS[one.target],
        "synthetic": service.options.synthetic,
        "outcomes": [_outcome(service, run) for run in runs],
    }


def _outcome(service: Service, run: ScenarioRun) -> Mapping[str, Any]:
    names = ("origin", "digest", "computed_at", "result")
    forecast = read_run(service.ledger, run.forecast_run_id)
    return {
        **service.freshness(forecast, f"inputs {run.digest[:12]}"),
        **{name: getattr(run, name) for name in names},
    }
