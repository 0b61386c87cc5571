"""Which models speak now: their cards and what they were worth on the past."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from ledger.releases import Release, read_champions
from service.auth import ScopedRoute, needs
from service.deps import Service, ServiceHere
from service.problems import Problem
from service.shapes import NAME_PATTERN, ApiModel

OWNERS_KEY = "owner_bias"
router = APIRouter(route_class=ScopedRoute, tags=["models"])


class ModelAnswer(ApiModel):
    """One champion."""

    model: str = Field(examples=["churn"])
    horizon_days: int = Field(
        ge=0, description="Look-ahead in days; 0: to the end of the quarter", examples=[90]
    )
    route: str = Field(examples=["non_contractual"])
    candidate: str = Field(description="The estimator that won", examples=["lightgbm_blend"])
    model_version: str = Field(examples=["3"])
    digest: str = Field(description="SHA-256 of its bundle")
    as_of: date = Field(description="The day it was trained as of")
    data_as_of: date = Field(description="Nothing known on or after this day was used")
    scored_at: datetime = Field(description="When it was released (UTC)")
    stale: bool = Field(description="Whether it was released longer ago than the limit")
    mlflow_run_id: str | None
    metrics: dict[str, Any] = Field(description="Figures on past origins, rivals beside them")
    card: dict[str, Any] = Field(description="The model card")


class ModelsAnswer(ApiModel):
    """The champions, by model, horizon and route; empty before the first training."""

    synthetic: bool = Field(description="Whether the facts are made up, not a company's")
    models: list[ModelAnswer]


@router.get(
    "/v1/models", operation_id="listModels", openapi_extra=needs("models:read", rows="none")
)
def list_models(
    service: ServiceHere,
    model: Annotated[str | None, Query(pattern=NAME_PATTERN, description="Only this model")] = None,
) -> ModelsAnswer:
    """List the models that speak now, with their cards."""
    champions = read_champions(service.ledger)
    wanted = [one for one in champions if model in {None, one.model}]
    if champions and not wanted:
        known = ", ".join(sorted({one.model for one in champions}))
        raise Problem(404, "unknown-model", f"no such model speaks; expected one of {known}"[:600])
    return ModelsAnswer(
        synthetic=service.options.synthetic, models=[_answer(service, one) for one in wanted]
    )


def _answer(service: Service, release: Release) -> ModelAnswer:
    age = datetime.now(UTC) - release.created_at
    return ModelAnswer(
        model=release.model,
        horizon_days=release.horizon_days,
        route=release.route,
        candidate=release.candidate,
        model_version=release.version,
        digest=release.digest,
        as_of=release.as_of,
        data_as_of=release.as_of,
        scored_at=release.created_at,
        stale=age.days > service.options.stale_after_days,
        mlflow_run_id=release.mlflow_run_id,
        metrics=release.metrics,
        # what is said of single owners needs the scope of deals
        card={name: told for name, told in release.card.items() if name != OWNERS_KEY},
    )
