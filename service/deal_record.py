"""How right the chances that were issued for open deals turned out to be."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

from fastapi import APIRouter
from pydantic import Field

from ledger.deals import DEAL_WIN
from ledger.runs import read_current_run
from service.auth import ScopedRoute, needs
from service.deals import no_deals_yet
from service.deps import ServiceHere
from service.shapes import ApiModel, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["accuracy"])


class ChanceBinAnswer(ApiModel):
    """Chances of about the same size: what was said beside what was won."""

    chance_from: float = Field(examples=[0.3])
    chance_to: float = Field(examples=[0.5])
    n: int = Field(ge=1, description="Chances")
    deals_count: int = Field(ge=1, description="Distinct deals: the honest sample size")
    mean_chance: float = Field(description="What was said", examples=[0.38])
    win_rate: float = Field(description="What happened", examples=[0.36])
    win_rate_low: float = Field(description="95 % Wilson interval over distinct deals")
    win_rate_high: float


class DealRecordRow(ApiModel):
    """The record of one model version, or of all together."""

    model_version: str = Field(description="all, or one version", examples=["all"])
    n: int = Field(ge=1, description="Chances whose quarter has ended")
    deals_count: int = Field(ge=1, description="Distinct deals: the honest sample size")
    days_count: int = Field(ge=1, description="Distinct days the chances stood on")
    quarters_count: int = Field(ge=1, description="Quarters they are of")
    first_as_of: date
    last_as_of: date
    wins_count: int = Field(ge=0, description="Chances whose deal was won in the quarter")
    left_out_count: int = Field(
        ge=0, description="Chances whose deal was closed in bulk in the quarter: in no figure here"
    )
    mean_chance: float = Field(description="What was said on average", examples=[0.21])
    win_rate: float = Field(description="What happened", examples=[0.2])
    win_rate_low: float = Field(description="95 % Wilson interval over distinct deals")
    win_rate_high: float
    expected_to_won: float | None = Field(
        description="Sum of chances over wins; 1 is right on the whole", examples=[1.04]
    )
    brier: float = Field(description="Mean squared error of the chance; lower is better")
    brier_base: float = Field(description="The same for the group's own win rate said of each")
    brier_skill: float | None = Field(
        description="1 - brier / brier_base; above 0 beats that rate, which nobody knew beforehand"
    )
    auc: float | None = Field(description="Chance that a won deal was ranked above another")
    bins: list[ChanceBinAnswer] = Field(description="Reliability table")


class DealRecordAnswer(Fresh):
    """Issued chances beside what happened; empty before the first quarter is judged."""

    records: list[DealRecordRow]


@router.get(
    "/v1/deal_win/track-record",
    operation_id="readDealTrackRecord",
    openapi_extra=needs("backtest:read"),
)
def show_deal_record(service: ServiceHere) -> DealRecordAnswer:
    """Show how right issued chances to win in the quarter were, n beside every share.

    A chance counts once its quarter has ended and a month has passed; a refresh writes down what
    happened, once and for ever.
    """
    run = read_current_run(service.ledger, "deals")
    if run is None:
        raise no_deals_yet()
    return DealRecordAnswer.model_validate(
        {
            **service.freshness(run, service.spoken(run.run_id).version(DEAL_WIN)),
            "records": [asdict(one) for one in service.deal_record()],
        }
    )
