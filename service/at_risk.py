"""Who is about to leave, and what is at stake."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from ledger.views import AtRiskFilters, AtRiskPage, AtRiskSort, Position, read_at_risk
from lifecycle.errors import NoScoresError
from service.auth import ScopedRoute, find_caller, needs
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
    route: str = Field(examples=["non_contractual"])
    status: str = Field(
        description="at_risk, or lapsed if the recency rule says it has already gone",
        examples=["at_risk"],
    )
    risk: float = Field(ge=0, le=1, description="Probability of no order within the horizon")
    band: str = Field(examples=["high"])
    value_if_kept_minor: float = Field(description="Expected spend if it stays, minor units")
    expected_loss_minor: float = Field(description="risk x value if kept, minor units")
    currency: str = Field(examples=["GBP"])
    rank: int = Field(ge=1, description="1 is the largest expected loss of its status")
    recency_days: float = Field(description="Days from the last order to as_of")
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
        route: Annotated[Literal["non_contractual", "contractual"] | None, Query()] = None,
        band: Annotated[Literal["high", "medium", "low"] | None, Query()] = None,
        status: Annotated[
            Literal["at_risk", "lapsed", "all"],
            Query(description="lapsed accounts stand apart: they are no longer to be kept"),
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


@router.get("/v1/at-risk", operation_id="listAtRisk", openapi_extra=needs("risk:read"))
def list_at_risk(
    request: Request,
    service: ServiceHere,
    filters: Annotated[Filters, Depends()],
    *,
    sort: Annotated[
        AtRiskSort, Query(description="Order; all but account_id from the largest down")
    ] = AtRiskSort.expected_loss,
    limit: Annotated[PageSize, Query(description="Accounts per page")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=1_000, description="next_cursor of the page before")
    ] = None,
) -> AtRiskAnswer:
    """List accounts by expected loss = risk x value if kept.

    Accounts that the recency rule calls lapsed stand apart: ask for ``status=lapsed`` or ``all``.
    A cursor keeps to the list as it was when its first page was read, even when a refresh happens
    meanwhile.
    """
    asked = {**asdict(filters.wanted), "sort": sort.value}
    question = Question(find_caller(request).key_id, "/v1/at-risk", asked)
    position = None if cursor is None else _position(open_cursor(service.pepper, question, cursor))
    page = read_at_risk(service.ledger, filters.wanted, sort=sort, cursor=position, limit=limit)
    if page is None:
        raise NoScoresError(
            "no scores were published yet", "at least one run", "run `truecast refresh`"
        )
    return _answer(service, question, page)


def _answer(service: Service, question: Question, page: AtRiskPage) -> AtRiskAnswer:
    following = None
    if page.following is not None:
        place = [page.following.run_id, page.following.value, page.following.account_id]
        following = seal_cursor(service.pepper, question, place)
    version = service.spoken(page.run.run_id).version(CHURN)
    return AtRiskAnswer.model_validate(
        {
            **service.freshness(page.run, version),
            "accounts": [asdict(row) for row in page.rows],
            "next_cursor": following,
        }
    )


def _position(place: list[object]) -> Position:
    run_id, value, account_id = place
    if not isinstance(run_id, int) or not isinstance(value, int | float | str):
        raise Problem(400, "bad-cursor", "the cursor cannot be used; begin again without it")
    return Position(run_id, value, str(account_id))
