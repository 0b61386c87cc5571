"""Stored scores of deals by their ids: what a CRM asks to write them back."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from ledger.deals import DEAL_WIN, DealRow
from ledger.issued_deals import read_deal_scores
from ledger.runs import read_current_run
from service.auth import ScopedRoute, find_caller, needs
from service.callers import withhold
from service.deal_shapes import Chances, DealId, Span, describe_span
from service.deals import no_deals_yet
from service.deps import ServiceHere
from service.problems import refuse_parameter
from service.shapes import ID_PATTERN

router = APIRouter(route_class=ScopedRoute, tags=["deals"])
LARGEST_ID_COUNT = 100
_ID = re.compile(ID_PATTERN.strip("^$")).fullmatch


class DealScore(Chances):
    """One stored score of a deal."""

    opportunity_id: DealId


class DealScoresAnswer(Span):
    """Stored scores in the order asked; ids without one (closed, renewal, unknown) are missing."""

    model: str = Field(examples=[DEAL_WIN])
    scores: list[DealScore]
    missing: list[str] = Field(description="Ids that were asked for and not scored in this run")


PARAMETERS = [
    {
        "name": "id",
        "in": "query",
        "required": True,
        "description": "Deal ids, the parameter repeated; at most 100, which fits a URL",
        "schema": {
            "type": "array",
            "items": {"type": "string", "pattern": ID_PATTERN, "examples": ["O0000412"]},
            "minItems": 1,
            "maxItems": LARGEST_ID_COUNT,
        },
    },
]


@router.get(
    "/v1/scores/deal_win",
    operation_id="readDealScores",
    openapi_extra={**needs("scores:read", rows="book"), "parameters": PARAMETERS},
)
def show_deal_scores(request: Request, service: ServiceHere) -> DealScoresAnswer:
    """Read stored scores of up to 100 open deals, with their reasons."""
    ids = request.query_params.getlist("id")
    if not 1 <= len(ids) <= LARGEST_ID_COUNT or not all(map(_ID, ids)):
        raise refuse_parameter("query.id", f"1 to {LARGEST_ID_COUNT} ids matching {ID_PATTERN}")
    run = read_current_run(service.ledger, "deals")
    if run is None:
        raise no_deals_yet()
    caller, wanted = find_caller(request), list(dict.fromkeys(ids))
    found = {
        row.opportunity_id: row
        for row in read_deal_scores(service.ledger, wanted, run_id=run.run_id, book=caller.book)
    }
    return DealScoresAnswer.model_validate(
        {
            **service.freshness(run, service.spoken(run.run_id).version(DEAL_WIN)),
            **describe_span(run),
            "model": DEAL_WIN,
            "scores": [withhold(caller, _score(found[name])) for name in wanted if name in found],
            "missing": [name for name in wanted if name not in found],
        }
    )


def _score(row: DealRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in DealScore.model_fields}
