"""Who is about to leave, and what is at stake."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from ledger.views import AtRiskFilters, AtRiskPage, AtRiskSort, Position, read_at_risk
from lifecycle.errors import NoScoresError
from service.auth import ScopedRoute, find_caller, needs
from service.callers import Principal, withhold
from service.deps import Service, ServiceHere
from service.paging import Question, open_cursor, seal_cursor
from service.problems import Problem
from service.shapes import TEXT_PATTERN, AccountId, ApiModel, Fresh, Minor, PageSize, Reason, Share

router = APIRouter(route_class=ScopedRoute, tags=["at risk"])
CHURN = "churn"


class AtRiskAccount(ApiModel):
    """One account, what it may cost us, and why."""

    account_id: AccountId
    name: str | None = Field(description="Display name, if the company's facts have one")
    segment: str | None = Field(examples=["United Kingdom"])
    country: str | None = Field(examples=["United Kingdom"])
    owner_id: str | None
    team: str | None = Field(description="Team of its owner", examples=["north"])
    region: str | None = Field(description="Region of its owner", examples=["emea"])
    route: str = Field(
        description="contractual: it holds a contract; non_contractual: it only orders",
        examples=["contractual"],
    )
    status: str = Field(
        description=(
            "at_risk; lapsed if the recency rule says it has already gone; notice_given if it has "
            "said that it leaves (risk 1, expected loss 0: the loss is certain, see leaving_on)"
        ),
        examples=["at_risk"],
    )
    risk: float = Field(
        ge=0,
        le=1,
        description=(
            "Probability of leaving within the horizon: contractual, that the decision to end the "
            "contract falls in it; non_contractual, that no order does"
        ),
        examples=[0.37],
    )
    risk_low: float | None = Field(description="Lower end of the bootstrap band", examples=[0.29])
    risk_high: float | None = Field(description="Upper end of the bootstrap band", examples=[0.46])
    curve: dict[str, float | None] | None = Field(
        description=(
            "Risk within so many days (never falls with them) and up to the next renewal. A null "
            "value: too few accounts have left to fit a curve, so nothing is said of days after "
            "the horizon and of the renewal; or, of the renewal, a contract without a term"
        ),
        examples=[{"30": 0.1, "60": 0.28, "90": 0.37, "180": 0.45, "365": 0.6, "renewal": 0.52}],
    )
    causes: dict[str, float | None] | None = Field(
        description=(
            "Shares of the kinds of loss (nonrenewal, midterm, involuntary, downgrade), given one"
        ),
        examples=[{"nonrenewal": 0.7, "midterm": 0.2, "involuntary": 0.1}],
    )
    band: str = Field(
        description="contractual: high from 0.30, medium from 0.10; else from 2/3 and 1/3",
        examples=["high"],
    )
    value_if_kept_minor: float = Field(
        description=(
            "What it brings in a year if it stays, minor units: contractual, 12 x MRR x gross "
            "margin (MRR alone where no margin is known); non_contractual, expected spend scaled "
            "to 365 days / max(1 - risk, 0.1), net of credits"
        ),
        examples=[1_440_000.0],
    )
    expected_loss_minor: float = Field(
        description="risk x value if kept, minor units; 0 once notice was given",
        examples=[532_800.0],
    )
    mrr_minor: float | None = Field(
        description="Monthly recurring revenue, minor units", examples=[150_000.0]
    )
    arr_at_risk_minor: float | None = Field(
        description="Money at risk: risk x 12 x MRR, minor units; 0 once notice was given",
        examples=[666_000.0],
    )
    currency: str = Field(examples=["USD"])
    rank: int = Field(ge=1, description="1 is the largest expected loss of its status")
    renewal_on: date | None = Field(description="Next renewal", examples=["2024-03-01"])
    notice_by_on: date | None = Field(
        description="Day by which notice must be given to end at that renewal",
        examples=["2024-01-31"],
    )
    days_to_act: int | None = Field(
        description="Days from as_of to notice_by_on; null if no deadline lies ahead", examples=[31]
    )
    leaving_on: date | None = Field(
        description="Day from which the contract is over; only with status notice_given",
        examples=[None],
    )
    treatment: str = Field(
        description=(
            "none; treated: rescue work was begun within the last horizon; held_out: drawn at "
            "random to be left alone, please do not contact it for this purpose"
        ),
        examples=["none"],
    )
    recency_days: float | None = Field(description="Days from the last order to as_of")
    last_order_on: date | None
    reasons: list[Reason]


class AtRiskAnswer(Fresh):
    """One page of the list; follow ``next_cursor`` until it is null."""

    accounts: list[AtRiskAccount]
    next_cursor: str | None = Field(
        description="Give it back as cursor to read on; null at the end"
    )


Text = Annotated[str | None, Query(pattern=TEXT_PATTERN)]


class Filters:
    """The list's filters, as query parameters."""

    def __init__(
        self,
        segment: Text = None,
        country: Text = None,
        owner_id: Text = None,
        route: Annotated[
            Literal["non_contractual", "contractual"] | None,
            Query(description="Only accounts with a contract, or only those without"),
        ] = None,
        band: Annotated[Literal["high", "medium", "low"] | None, Query()] = None,
        status: Annotated[
            Literal["at_risk", "lapsed", "notice_given", "all"],
            Query(description="lapsed and notice_given stand apart: they are no longer to be kept"),
        ] = "at_risk",
        min_risk: Annotated[Share | None, Query()] = None,
        min_value: Annotated[Minor | None, Query(description="Value if kept, minor units")] = None,
    ) -> None:
        self.wanted = AtRiskFilters(
            segment,
            country,
            owner_id,
            route,
            band,
            None if status == "all" else status,
            min_risk,
            min_value,
        )


@router.get("/v1/at-risk", operation_id="listAtRisk", openapi_extra=needs("risk:read", rows="book"))
def list_at_risk(
    request: Request,
    service: ServiceHere,
    filters: Annotated[Filters, Depends()],
    *,
    sort: Annotated[
        AtRiskSort,
        Query(
            description=(
                "Order, from the largest down; days_to_act (least time first) and account_id go up"
            )
        ),
    ] = AtRiskSort.expected_loss,
    limit: Annotated[PageSize, Query(description="Accounts per page")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=1_000, description="next_cursor of the page before")
    ] = None,
) -> AtRiskAnswer:
    """List accounts of both routes by expected loss = risk x value if kept.

    Accounts that the recency rule calls lapsed, and those that gave notice, stand apart: ask for
    ``status=lapsed``, ``notice_given`` or ``all``.
    A cursor keeps to the list as it was when its first page was read, even when a refresh happens
    meanwhile.
    """
    caller, asked = find_caller(request), {**asdict(filters.wanted), "sort": sort.value}
    question = Question(caller.key_id, "/v1/at-risk", asked)
    position = None if cursor is None else _position(open_cursor(service.pepper, question, cursor))
    wanted = replace(filters.wanted, book=caller.book)
    page = read_at_risk(service.ledger, wanted, sort=sort, cursor=position, limit=limit)
    if page is None:
        raise NoScoresError(
            "no scores were published yet", "at least one run", "run `truecast refresh`"
        )
    return _answer(service, question, page, caller)


def _answer(
    service: Service, question: Question, page: AtRiskPage, caller: Principal
) -> AtRiskAnswer:
    following = None
    if page.following is not None:
        place = [page.following.run_id, page.following.value, page.following.account_id]
        following = seal_cursor(service.pepper, question, place)
    version = service.spoken(page.run.run_id).version(CHURN)
    return AtRiskAnswer.model_validate(
        {
            **service.freshness(page.run, version),
            # not `asdict`, which copies every reason anew for nobody
            "accounts": [withhold(caller, vars(row)) for row in page.rows],
            "next_cursor": following,
        }
    )


def _position(place: list[object]) -> Position:
    run_id, value, account_id = place
    if not isinstance(run_id, int) or not isinstance(value, int | float | str):
        raise Problem(400, "bad-cursor", "the cursor cannot be used; begin again without it")
    return Position(run_id, value, str(account_id))
