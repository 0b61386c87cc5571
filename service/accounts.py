"""One account: what every model says of it now, why, and what was said before."""

from __future__ import annotations

import json
from itertools import groupby

from fastapi import APIRouter
from pydantic import Field

from ledger.scores import StoredScore, read_account
from ledger.views import AtRiskRow, read_at_risk_account
from service.auth import ScopedRoute, needs
from service.deps import Service, ServiceHere
from service.problems import Problem
from service.shapes import AccountId, AccountIdPath, Fresh, Reason

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
    current: bool = Field(description="Whether it belongs to the newest run")
    history: list[PastScore] = Field(description="Earlier scores, newest first, never rewritten")


class AccountAnswer(Fresh):
    """Everything said of one account."""

    account_id: AccountId
    name: str | None
    segment: str | None
    country: str | None
    owner_id: str | None
    status: str | None = Field(description="at_risk or lapsed; null if not in the newest list")
    expected_loss_minor: float | None
    value_if_kept_minor: float | None
    currency: str | None
    scores: list[AccountScore]


@router.get(
    "/v1/accounts/{account_id}",
    operation_id="readAccount",
    openapi_extra=needs("accounts:read"),
)
def show_account(account_id: AccountIdPath, service: ServiceHere) -> AccountAnswer:
    """Show one account: current scores with reasons, and the scores issued before."""
    issued = read_account(service.ledger, account_id)
    if not issued:
        raise Problem(
            404,
            "unknown-account",
            "no score was ever published for this account; expected an id of /v1/at-risk",
        )
    listed = read_at_risk_account(service.ledger, account_id)
    keyed = sorted(issued, key=lambda row: (row.model, row.horizon_days))
    groups = groupby(keyed, key=lambda row: (row.model, row.horizon_days))
    newest = issued[0]
    return AccountAnswer.model_validate(
        {
            **_freshness(service, newest),
            "account_id": account_id,
            **_profile(listed),
            "scores": [_score(service, list(rows)) for _, rows in groups],
        }
    )


def _profile(row: AtRiskRow | None) -> dict[str, object]:
    names = ("name", "segment", "country", "owner_id", "status", "currency")
    amounts = ("expected_loss_minor", "value_if_kept_minor")
    return {name: None if row is None else getattr(row, name) for name in (*names, *amounts)}


def _freshness(service: Service, row: StoredScore) -> dict[str, object]:
    return {
        "as_of": row.as_of,
        "data_as_of": row.data_as_of,
        "scored_at": row.scored_at,
        "model_version": row.model_version,
        "stale": service.is_stale(row.as_of),
    }


def _score(service: Service, rows: list[StoredScore]) -> dict[str, object]:
    """Describe the newest of one model's scores; the sort kept runs newest first."""
    newest, *earlier = rows
    names = ("model", "horizon_days", "route", "value", "unit", "currency", "rank", "band")
    return {
        **_freshness(service, newest),
        **{name: getattr(newest, name) for name in names},
        "current": newest.current,
        "reasons": json.loads(newest.reasons),
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
