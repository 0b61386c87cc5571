"""What all accounts at risk come to: sums, no names."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from ledger.views import sum_at_risk
from lifecycle.errors import NoScoresError
from service.at_risk import CHURN, Filters
from service.auth import ScopedRoute, find_caller, needs
from service.callers import withhold
from service.deps import ServiceHere
from service.shapes import ApiModel, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["at risk"])


class AtRiskTotal(ApiModel):
    """The accounts of one status and currency together."""

    status: str = Field(examples=["at_risk"])
    currency: str = Field(examples=["USD"])
    accounts_count: int = Field(ge=1, examples=[412])
    expected_loss_minor: float | None = Field(description="Sum of risk x value if kept")
    arr_at_risk_minor: float | None = Field(description="Sum of risk x 12 x MRR")
    value_if_kept_minor: float | None = Field(description="Sum of what they bring if they stay")


class AtRiskTotalsAnswer(Fresh):
    """The sums of the newest list; empty if no account passes the filters."""

    totals: list[AtRiskTotal]


@router.get(
    "/v1/at-risk/totals",
    operation_id="sumAtRisk",
    openapi_extra=needs("risk:read", rows="book"),
)
def sum_list(
    request: Request, service: ServiceHere, filters: Annotated[Filters, Depends()]
) -> AtRiskTotalsAnswer:
    """Sum the accounts that ``/v1/at-risk`` lists for the same filters, by status and currency."""
    caller = find_caller(request)
    found = sum_at_risk(service.ledger, replace(filters.wanted, book=caller.book))
    if found is None:
        raise NoScoresError(
            "no scores were published yet", "at least one run", "run `truecast refresh`"
        )
    run, rows = found
    return AtRiskTotalsAnswer.model_validate(
        {
            **service.freshness(run, service.spoken(run.run_id).version(CHURN)),
            "totals": [withhold(caller, asdict(row)) for row in rows],
        }
    )
