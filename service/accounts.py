"""One account: what every model says of it now, why, and what was said before."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from ledger.outcomes import ScoreOutcome, read_outcomes
from ledger.runs import read_current_run
from ledger.scores import StoredScore, read_account
from ledger.views import AtRiskRow, read_at_risk_account
from lifecycle.errors import NoScoresError
from service.at_risk import CHURN, AtRiskAccount
from service.auth import ScopedRoute, find_caller, needs
from service.callers import withhold
from service.deps import Service, ServiceHere
from service.problems import Problem
from service.shapes import AccountId, AccountIdPath, ApiModel, Fresh, Reason

router = APIRouter(route_class=ScopedRoute, tags=["accounts"])


class PastScore(Fresh):
    """A score as it was issued on an earlier day."""

    value: float
    rank: int = Field(ge=1)
    band: str


class AccountScore(Fresh):
    """The newest score of one model over one horizon, with its history."""

    model: str = Field(examples=["churn"])
    horizon_days: int = Field(ge=1, description="Look-ahead in days", examples=[90])
    route: str = Field(examples=["non_contractual"])
    value: float = Field(description="Probability 0-1, or expected money in minor units")
    unit: str = Field(description="probability or minor", examples=["probability"])
    currency: str | None = Field(description="ISO 4217 for money", examples=[None])
    rank: int = Field(ge=1, description="1 is the highest value of its run")
    band: str = Field(examples=["high"])
    reasons: list[Reason]
    detail: dict[str, Any] = Field(
        description=(
            "What the model says beyond the score; contractual churn: risk curve, causes, band and "
            "log-odds by group; contractual clv: P10, P50, P90, historic and total value"
        ),
        examples=[{"curve": {"30": 0.1, "90": 0.37}, "low": 0.29, "high": 0.46}],
    )
    current: bool = Field(description="Whether it belongs to the newest run")
    history: list[PastScore] = Field(description="Earlier scores, newest first, never rewritten")


class PastOutcome(ApiModel):
    """A risk that was issued, beside what happened."""

    as_of: date
    horizon_days: int = Field(ge=1, examples=[90])
    value: float = Field(description="Probability that was said", examples=[0.37])
    happened: bool = Field(description="Whether it left within the horizon")
    happened_on: date | None = Field(description="Day on which leaving was decided or begun")
    cause: str | None = Field(examples=["nonrenewal"])


class AccountAnswer(Fresh):
    """Everything said of one account."""

    account_id: AccountId
    name: str | None
    segment: str | None
    country: str | None
    owner_id: str | None
    team: str | None
    region: str | None
    status: str | None = Field(
        description="at_risk, lapsed or notice_given; null if not in the newest list"
    )
    expected_loss_minor: float | None
    value_if_kept_minor: float | None
    currency: str | None
    at_risk: AtRiskAccount | None = Field(
        description="Its row of the newest at-risk list: risk curve, time left to act, treatment"
    )
    scores: list[AccountScore] = Field(
        description="Empty for an account that gave notice before it was ever scored"
    )
    outcomes: list[PastOutcome] = Field(description="Issued risks whose horizon has passed")


@router.get(
    "/v1/accounts/{account_id}",
    operation_id="readAccount",
    openapi_extra=needs("accounts:read", rows="book"),
)
def show_account(
    request: Request, account_id: AccountIdPath, service: ServiceHere
) -> AccountAnswer:
    """Show one account: current scores with reasons, and the scores issued before."""
    caller = find_caller(request)
    listed = read_at_risk_account(service.ledger, account_id, caller.book)
    hidden = listed is None and caller.book is not None
    issued = [] if hidden else read_account(service.ledger, account_id)
    if not issued and listed is None:
        raise Problem(
            404,
            "unknown-account",
            "no score was ever published for this account; expected an id of /v1/at-risk",
        )
    keyed = sorted(issued, key=lambda row: (row.model, row.horizon_days))
    groups = groupby(keyed, key=lambda row: (row.model, row.horizon_days))
    fresh = _freshness(service, issued[0]) if issued else _list_freshness(service)
    return AccountAnswer.model_validate(
        {
            **fresh,
            "account_id": account_id,
            **withhold(caller, _profile(listed)),
            "at_risk": None if listed is None else withhold(caller, asdict(listed)),
            "scores": [withhold(caller, _score(service, list(rows))) for _, rows in groups],
            "outcomes": [
                _outcome(one) for one in read_outcomes(service.ledger, CHURN, account_id=account_id)
            ],
        }
    )


def _profile(row: AtRiskRow | None) -> dict[str, object]:
    names = ("name", "segment", "country", "owner_id", "team", "region", "status", "currency")
    amounts = ("expected_loss_minor", "value_if_kept_minor")
    return {name: None if row is None else getattr(row, name) for name in (*names, *amounts)}


def _freshness(service: Service, row: StoredScore) -> dict[str, object]:
    return {
        "as_of": row.as_of,
        "data_as_of": row.data_as_of,
        "scored_at": row.scored_at,
        "model_version": row.model_version,
        "stale": service.is_stale(row.as_of, row.data_as_of),
        "synthetic": service.options.synthetic,
    }


def _list_freshness(service: Service) -> dict[str, object]:
    """Say how old the at-risk list is: for an account that only the list speaks of."""
    run = read_current_run(service.ledger, "scores")
    if run is None:
        raise NoScoresError(
            "no scores were published yet", "at least one run", "run `truecast refresh`"
        )
    return service.freshness(run, service.spoken(run.run_id).version(CHURN))


def _outcome(one: ScoreOutcome) -> dict[str, object]:
    return {name: getattr(one, name) for name in PastOutcome.model_fields}


def _score(service: Service, rows: list[StoredScore]) -> dict[str, object]:
    """Describe the newest of one model's scores; the sort kept runs newest first."""
    newest, *earlier = rows
    names = ("model", "horizon_days", "route", "value", "unit", "currency", "rank", "band")
    return {
        **_freshness(service, newest),
        **{name: getattr(newest, name) for name in names},
        "current": newest.current,
        "reasons": json.loads(newest.reasons),
        "detail": json.loads(newest.detail or "{}"),
        "history": [
            {
                **_freshness(service, row),
                "value": row.value,
                "rank": row.rank,
                "band": row.band,
            }
            for row in earlier
        ],
    }
