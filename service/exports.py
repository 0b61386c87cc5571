"""Lists as files: asked for here, written by a worker, fetched as the job's result."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from ledger.views import AtRiskFilters, AtRiskSort
from service.auth import ScopedRoute, find_caller, needs
from service.bodies import LARGEST_BYTES, describe_effect
from service.idempotency import once
from service.jobs import JobAnswer, ask_for_job
from service.shapes import TEXT_PATTERN, ApiModel
from service.strict_json import check_body, read_body

router = APIRouter(route_class=ScopedRoute, tags=["jobs"])
Text = Annotated[str, Field(pattern=TEXT_PATTERN)]


class AtRiskExport(ApiModel):
    """Which accounts of the at-risk list, and as what; the filters are those of the list."""

    format: Literal["ndjson", "csv", "parquet"]
    segment: Text | None = None
    country: Text | None = None
    owner_id: Text | None = None
    route: Literal["non_contractual", "contractual"] | None = None
    band: Literal["high", "medium", "low"] | None = None
    status: Literal["at_risk", "lapsed", "notice_given", "all"] = "at_risk"
    min_risk: float | None = Field(default=None, ge=0, le=1)
    min_value: float | None = Field(default=None, ge=0, le=1e15)
    sort: AtRiskSort = AtRiskSort.expected_loss


@router.post(
    "/v1/exports/at-risk",
    operation_id="exportAtRisk",
    status_code=202,
    response_model=JobAnswer,
    openapi_extra={**needs("export:create", rows="book"), **describe_effect(AtRiskExport)},
)
async def export_at_risk(request: Request) -> Response:
    """Have up to 100,000 accounts of the list written to a file; answers with the job."""
    wanted = check_body(AtRiskExport, await read_body(request, LARGEST_BYTES))

    def ask(connection: Any) -> tuple[int, object]:
        return 202, ask_for_job(connection, request, "export_at_risk", _payload(wanted))

    return await once(request, find_caller(request), ask)


def _payload(wanted: AtRiskExport) -> dict[str, Any]:
    filters = AtRiskFilters(
        wanted.segment,
        wanted.country,
        wanted.owner_id,
        wanted.route,
        wanted.band,
        None if wanted.status == "all" else wanted.status,
        wanted.min_risk,
        wanted.min_value,
    )
    return {"filters": asdict(filters), "sort": wanted.sort.value, "format": wanted.format}
