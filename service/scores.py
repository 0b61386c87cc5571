"""Stored scores by account ids: the CRM's read, and the busiest one.

The answer is written as text, not built from models: the reasons are kept as JSON in the ledger and
go out as they are. A test holds the text to the published schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from ledger.runs import read_current_run
from ledger.scores import StoredScore, read_scored_models, read_scores
from lifecycle.errors import ModelNotFoundError, NoScoresError
from service.auth import Needs
from service.deps import Service, ServiceHere
from service.shapes import AccountId, ApiModel, Fresh, HorizonQuery, ModelPath, Reason

router = APIRouter(tags=["scores"])
LARGEST_ID_COUNT = 100


class Score(ApiModel):
    """One stored score."""

    account_id: AccountId
    value: float = Field(description="Probability 0-1, or expected money in minor units")
    unit: str = Field(description="probability or minor", examples=["probability"])
    currency: str | None = Field(description="ISO 4217 for money", examples=[None])
    rank: int = Field(ge=1, description="1 is the highest value of its run")
    band: str = Field(examples=["high"])
    route: str = Field(examples=["non_contractual"])
    model_version: str = Field(examples=["3"])
    reasons: list[Reason]


class ScoresAnswer(Fresh):
    """Stored scores in the order asked; ids without a score are listed as missing."""

    model: str = Field(examples=["churn"])
    horizon_days: int = Field(ge=1, description="Look-ahead in days", examples=[90])
    scores: list[Score]
    missing: list[str] = Field(description="Ids that were asked for and never scored in this run")


@router.get(
    "/v1/scores/{model}",
    operation_id="readScores",
    response_model=ScoresAnswer,
    dependencies=[Depends(Needs("scores:read"))],
)
async def show_scores(
    model: ModelPath,
    service: ServiceHere,
    account_ids: Annotated[
        list[AccountId],
        Query(
            alias="id",
            min_length=1,
            max_length=LARGEST_ID_COUNT,
            description="Account ids, the parameter repeated; at most 100, which fits a URL",
        ),
    ],
    *,
    horizon_days: HorizonQuery = None,
) -> Response:
    """Read stored scores of up to 100 accounts, with their reasons.

    Runs on the event loop: one indexed statement on the local file takes less time than handing it
    to a thread does.
    """
    wanted = list(dict.fromkeys(account_ids))
    found = read_scores(service.ledger, model, account_ids=wanted, horizon_days=horizon_days)
    if not found:
        return _json(_describe_nothing(service, model, horizon_days, wanted))
    return Response(_write_answer(service, wanted, found), media_type="application/json")


def _write_answer(service: Service, wanted: Sequence[str], found: list[StoredScore]) -> str:
    first = found[0]
    by_id = {row.account_id: row for row in found}
    versions = ",".join(sorted({row.model_version for row in found}))
    missing = [account_id for account_id in wanted if account_id not in by_id]
    scores = ",".join(_write_score(by_id[name]) for name in wanted if name in by_id)
    stale = "true" if service.is_stale(first.as_of) else "false"
    return (
        f'{{"as_of":"{first.as_of.isoformat()}","data_as_of":"{_instant(first.data_as_of)}",'
        f'"scored_at":"{_instant(first.scored_at)}","model_version":{json.dumps(versions)},'
        f'"stale":{stale},"model":"{first.model}","horizon_days":{first.horizon_days},'
        f'"scores":[{scores}],"missing":{json.dumps(missing)}}}'
    )


def _write_score(row: StoredScore) -> str:
    """Write one score; numbers are finite and reasons are JSON, the ledger's writer saw to it."""
    currency = "null" if row.currency is None else f'"{row.currency}"'
    return (
        f'{{"account_id":"{row.account_id}","value":{row.value!r},"unit":"{row.unit}",'
        f'"currency":{currency},"rank":{row.rank},"band":"{row.band}","route":"{row.route}",'
        f'"model_version":{json.dumps(row.model_version)},"reasons":{row.reasons}}}'
    )


def _describe_nothing(
    service: Service, model: str, horizon_days: int | None, wanted: list[str]
) -> ScoresAnswer:
    """Say why nothing was found: no run, no such model, or only unknown ids."""
    run = read_current_run(service.ledger, "scores")
    if run is None:
        raise NoScoresError(
            "no scores were published yet", "at least one run", "run `truecast refresh`"
        )
    spoke = read_scored_models(service.ledger, run.run_id)
    horizons = [int(row["horizon_days"]) for row in spoke if row["model"] == model]
    if not horizons or horizon_days not in {None, *horizons}:
        known = sorted({f"{row['model']} over {row['horizon_days']} days" for row in spoke})
        raise ModelNotFoundError(
            "the newest run has no scores of that model and horizon",
            f"one of {', '.join(known)}",
            "ask for one of these, or train and refresh",
        )
    return ScoresAnswer.model_validate(
        {
            **service.freshness(run, service.model_version(run, model)),
            "model": model,
            "horizon_days": horizon_days or min(horizons),
            "scores": [],
            "missing": wanted,
        }
    )


def _json(answer: ApiModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
