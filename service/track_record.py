"""How right the risks that were issued turned out to be, and what rescue work changed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from ledger.holdouts import read_campaigns
from ledger.rescue import read_rescue
from ledger.runs import read_current_run
from lifecycle.errors import NoScoresError
from service.auth import ScopedRoute, needs
from service.deps import ServiceHere
from service.problems import Problem
from service.shapes import NAME_PATTERN, ApiModel, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["accuracy"])
CHURN = "churn"
CAMPAIGN = "retention"


class RiskBinAnswer(ApiModel):
    """Scores of about the same risk: what was said beside what happened."""

    risk_from: float = Field(examples=[0.1])
    risk_to: float = Field(examples=[0.2])
    n: int = Field(ge=1, description="Scores")
    accounts_count: int = Field(ge=1, description="Distinct accounts: the honest sample size")
    mean_risk: float = Field(description="What was said", examples=[0.14])
    leave_rate: float = Field(description="What happened", examples=[0.15])
    leave_rate_low: float = Field(description="95 % Wilson interval over distinct accounts")
    leave_rate_high: float


class TrackRecordRow(ApiModel):
    """The record of one route and horizon in one group of accounts."""

    route: str = Field(examples=["contractual"])
    horizon_days: int = Field(ge=1, examples=[90])
    group: str = Field(
        description=(
            "all; untreated and treated (rescue work before the score or within its horizon); "
            "held_out (drawn at random to be left alone)"
        ),
        examples=["untreated"],
    )
    n: int = Field(ge=1, description="Scores whose horizon has passed")
    accounts_count: int = Field(ge=1, description="Distinct accounts: the honest sample size")
    days_count: int = Field(ge=1, description="Distinct days the scores stood on")
    first_as_of: date
    last_as_of: date
    events_count: int = Field(ge=0, description="Scores whose account left within the horizon")
    mean_risk: float = Field(description="What was said on average", examples=[0.061])
    leave_rate: float = Field(description="What happened", examples=[0.058])
    leave_rate_low: float = Field(description="95 % Wilson interval over distinct accounts")
    leave_rate_high: float
    expected_to_seen: float | None = Field(
        description="Sum of risks over leavers; 1 is right on the whole", examples=[1.05]
    )
    brier: float = Field(description="Mean squared error of the risk; lower is better")
    brier_base: float = Field(
        description="The same for the group's own leave rate said of everybody"
    )
    brier_skill: float | None = Field(
        description="1 - brier / brier_base; above 0 beats that rate, which nobody knew beforehand"
    )
    auc: float | None = Field(description="Chance that a leaver was ranked above a stayer")
    lift_top_tenth: float | None = Field(
        description="Leave rate of each day's highest tenth over the leave rate", examples=[4.2]
    )
    expected_loss_minor: float = Field(description="Sum of the expected losses, minor units")
    lost_minor: float = Field(description="Sum of the values that did leave, minor units")
    currency: str | None = Field(examples=["USD"])
    bins: list[RiskBinAnswer] = Field(description="Reliability table; only in the group all")


class ArmAnswer(ApiModel):
    """What became of one group of drawn accounts, each counted once."""

    name: str = Field(
        description="held_out; contact and, of these, contact_treated and contact_untreated",
        examples=["held_out"],
    )
    n: int = Field(ge=0, description="Accounts whose first score after the draw has matured")
    left_count: int = Field(ge=0)
    leave_rate: float | None
    leave_rate_low: float = Field(description="95 % Wilson interval")
    leave_rate_high: float
    mean_risk: float | None = Field(description="Drawn at random, the arms should agree in it")
    expected_loss_minor: float
    lost_minor: float


class RescueAnswer(ApiModel):
    """Did rescue work help? The two drawn arms beside each other."""

    campaign: str = Field(examples=["retention"])
    drawn_count: int = Field(ge=0, description="Accounts drawn so far")
    held_out_count: int = Field(ge=0, description="Of them, drawn to be left alone")
    waiting_count: int = Field(ge=0, description="Of them, not to be judged yet")
    arms: list[ArmAnswer]
    difference: float | None = Field(
        description="Leave rate of contact less held out; negative: contact helped"
    )
    difference_low: float | None = Field(description="95 % Newcombe interval")
    difference_high: float | None
    verdict: str


class TrackRecordAnswer(Fresh):
    """Issued risks beside what happened; both lists are empty before the first score matures."""

    records: list[TrackRecordRow]
    rescue: RescueAnswer


@router.get(
    "/v1/churn/track-record",
    operation_id="readChurnTrackRecord",
    openapi_extra=needs("backtest:read"),
)
def show_track_record(
    service: ServiceHere,
    route: Annotated[
        Literal["non_contractual", "contractual"] | None, Query(description="Only this route")
    ] = None,
    campaign: Annotated[
        str, Query(pattern=NAME_PATTERN, description="Whose random hold-out to report")
    ] = CAMPAIGN,
) -> TrackRecordAnswer:
    """Show how right issued risks were, with and without treated accounts, n beside every share.

    A score counts once its horizon has passed; a refresh writes down what happened.
    """
    run = read_current_run(service.ledger, "scores")
    if run is None:
        raise NoScoresError(
            "no scores were published yet", "at least one run", "run `truecast refresh`"
        )
    if campaign != CAMPAIGN and campaign not in read_campaigns(service.ledger):
        raise Problem(404, "unknown-campaign", "no account was drawn for that campaign")
    records = [one for one in service.track_record(CHURN) if route in {None, one.route}]
    return TrackRecordAnswer.model_validate(
        {
            **service.freshness(run, service.spoken(run.run_id).version(CHURN)),
            "records": [asdict(one) for one in records],
            "rescue": asdict(read_rescue(service.ledger, campaign, model=CHURN)),
        }
    )
