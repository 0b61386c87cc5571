"""How owners' commits compare with what they win: for coaching, with n and an interval."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from ledger.deals import DEAL_WIN
from ledger.owner_bias import read_owner_bias
from ledger.runs import read_current_run
from service.auth import ScopedRoute, find_caller, needs
from service.deals import no_deals_yet
from service.deps import ServiceHere
from service.shapes import ID_PATTERN, TEXT_PATTERN, ApiModel, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["deals"])


class OwnerBias(ApiModel):
    """One owner; ratios are won over committed deals, drawn to all owners where n is small."""

    owner_id: str = Field(examples=["W07"])
    team: str | None
    label: str | None = Field(
        description=(
            "happy_ears (wins less per commit than others) or sandbagging (wins more); null unless "
            "surely (> 0.9) more than 10 % off on that side and deals_count >= 8"
        ),
        examples=["happy_ears"],
    )
    ratio: float = Field(
        gt=0,
        description="Won over committed deals, each once a quarter: posterior median",
        examples=[0.71],
    )
    ratio_low: float = Field(gt=0, description="Lower end of the 95 % interval", examples=[0.6])
    ratio_high: float = Field(gt=0, description="Upper end of the 95 % interval", examples=[0.84])
    p_beyond: float = Field(
        ge=0, le=1, description="Probability that beside_others is more than 10 % from 1"
    )
    beside_others: float | None = Field(
        description="ratio over that of the mean owner; 1 is no bias"
    )
    deals_count: int = Field(
        ge=0, description="Deals committed to or won, once a quarter", examples=[31]
    )
    quarters_count: int = Field(ge=0, examples=[6])
    late_share: float | None = Field(
        description=("Share of the quarter's wins that appeared after week 3; null without wins")
    )
    late_low: float | None = Field(description="Lower end of its 95 % interval")
    late_high: float | None = Field(description="Upper end of its 95 % interval")
    won_count: int = Field(ge=0, description="Wins of these quarters")
    commit_minor: int | None = Field(
        description="Committed in any week, as first committed, minor units"
    )
    won_minor: int | None = Field(description="Won in these quarters, whole minor units")
    currency: str | None = Field(
        description="ISO 4217; null where the sums add up several", examples=["GBP"]
    )
    measured_on: date = Field(
        description="Measured with what was known before this day: when the model was trained"
    )


class OwnersAnswer(Fresh):
    """The owners that ever committed or won, the surest bias first; may be empty."""

    owners: list[OwnerBias]


@router.get(
    "/v1/owners/bias",
    operation_id="listOwnerBias",
    openapi_extra=needs("deals:read", rows="book"),
)
def list_owner_bias(
    request: Request,
    service: ServiceHere,
    owner_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    team: Annotated[str | None, Query(pattern=TEXT_PATTERN)] = None,
    label: Annotated[
        Literal["happy_ears", "sandbagging"] | None, Query(description="Only owners so labelled")
    ] = None,
) -> OwnersAnswer:
    """List how each owner's commits compared with what was won, as of the newest scored deals."""
    run = read_current_run(service.ledger, "deals")
    if run is None:
        raise no_deals_yet()
    rows = read_owner_bias(
        service.ledger,
        run_id=run.run_id,
        owner_id=owner_id,
        team=team,
        book=find_caller(request).book,
    )
    return OwnersAnswer.model_validate(
        {
            **service.freshness(run, service.spoken(run.run_id).version(DEAL_WIN)),
            "owners": [asdict(row) for row in rows if label in {None, row.label}],
        }
    )
