"""Stored scores by account ids: the CRM's read, and the busiest one.

The answer is written as text, not built from models: the reasons are kept as JSON in the ledger and
go out as they are. A test holds the text to the published schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from ledger.runs import read_current_run
from ledger.scores import CurrentScore, read_scores
from ledger.views import find_visible
from lifecycle.errors import ModelNotFoundError, NoScoresError
from service.auth import ScopedRoute, find_caller, needs
from service.deps import Service, find_service
from service.problems import refuse_parameter
from service.shapes import ID_PATTERN, NAME_PATTERN, AccountId, ApiModel, Fresh, Reason

router = APIRouter(route_class=ScopedRoute, tags=["scores"])
LARGEST_ID_COUNT = 100
LONGEST_HORIZON_DAYS = 3_650
_NAME = re.compile(NAME_PATTERN.strip("^$")).fullmatch
_ID = re.compile(ID_PATTERN.strip("^$")).fullmatch
_WHOLE = re.compile(r"[0-9]{1,4}").fullmatch


class Score(ApiModel):
    """One stored score."""

    account_id: AccountId
    value: float = Field(description="Probability 0-1, or expected money in minor units")
    unit: str = Field(description="probability or minor", examples=["probability"])
    currency: str | None = Field(description="ISO 4217 for money", examples=[None])
    rank: int = Field(ge=1, description="1 is the highest value of its run")
    band: str = Field(examples=["high"])
    route: str = Field(examples=["non_contractual"])
    horizon_days: int = Field(ge=1, description="Its own look-ahead in days", examples=[90])
    model_version: str = Field(examples=["3"])
    reasons: list[Reason]


class ScoresAnswer(Fresh):
    """Stored scores in the order asked; ids without a score are listed as missing."""

    model: str = Field(examples=["churn"])
    horizon_days: int | None = Field(
        description="Look-ahead in days of all the scores; null where they differ, see each score",
        examples=[90],
    )
    scores: list[Score]
    missing: list[str] = Field(description="Ids that were asked for and never scored in this run")


PARAMETERS = [
    {
        "name": "model",
        "in": "path",
        "required": True,
        "description": "Model name",
        "schema": {"type": "string", "pattern": NAME_PATTERN, "examples": ["churn"]},
    },
    {
        "name": "id",
        "in": "query",
        "required": True,
        "description": "Account ids, the parameter repeated; at most 100, which fits a URL",
        "schema": {
            "type": "array",
            "items": {"type": "string", "pattern": ID_PATTERN, "examples": ["12748"]},
            "minItems": 1,
            "maxItems": LARGEST_ID_COUNT,
        },
    },
    {
        "name": "horizon_days",
        "in": "query",
        "required": False,
        "description": "Look-ahead in days; if left out, each account's shortest scored one",
        "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_HORIZON_DAYS},
    },
]


@router.get(
    "/v1/scores/{model}",
    operation_id="readScores",
    response_model=ScoresAnswer,
    openapi_extra={**needs("scores:read", rows="book"), "parameters": PARAMETERS},
)
async def show_scores(request: Request) -> Response:
    """Read stored scores of up to 100 accounts, with their reasons.

    The scores are those of the newest published run; ids that it did not score are listed as
    missing.
    """
    # on the event loop: one indexed statement on a local file is faster than a thread switch. A
    # server that hangs would silence the whole process there
    if find_service(request).is_local:
        return _answer(request)
    return await run_in_threadpool(_answer, request)


def _answer(request: Request) -> Response:
    service = find_service(request)
    model, wanted, horizon_days = _read_question(request)
    book, seen = find_caller(request).book, wanted
    if book is not None:
        visible = find_visible(service.ledger, wanted, book)
        seen = [name for name in wanted if name in visible]
    found = (
        read_scores(service.ledger, model, account_ids=seen, horizon_days=horizon_days)
        if seen
        else []
    )
    if found:
        text = _write_answer(service, model, wanted, {row.account_id: row for row in found})
    else:
        text = _describe_nothing(service, model, horizon_days, wanted).model_dump_json()
    return Response(text, media_type="application/json")


def _read_question(request: Request) -> tuple[str, list[str], int | None]:
    """Read model, ids and horizon by hand: the framework's way costs as much as the statement.

    Raises
    ------
    Problem
        422: one of them breaks the rule that `PARAMETERS` publishes.
    """
    model: str = request.path_params["model"]
    ids = request.query_params.getlist("id")
    horizon = request.query_params.get("horizon_days")
    if not _NAME(model):
        raise refuse_parameter("path.model", "a model name such as churn")
    if not 1 <= len(ids) <= LARGEST_ID_COUNT or not all(map(_ID, ids)):
        raise refuse_parameter("query.id", f"1 to {LARGEST_ID_COUNT} ids matching {ID_PATTERN}")
    if horizon is not None and not (_WHOLE(horizon) and 1 <= int(horizon) <= LONGEST_HORIZON_DAYS):
        raise refuse_parameter(
            "query.horizon_days", f"a whole number from 1 to {LONGEST_HORIZON_DAYS}"
        )
    wanted = list(dict.fromkeys(ids)) if len(ids) > 1 else ids
    return model, wanted, None if horizon is None else int(horizon)


def _write_answer(
    service: Service, model: str, wanted: Sequence[str], found: Mapping[str, CurrentScore]
) -> str:
    rows = [found[account_id] for account_id in wanted if account_id in found]
    spoken = service.spoken(rows[0].run_id)
    versions = spoken.quoted_versions
    stale = service.is_stale(spoken.run.as_of, spoken.run.data_as_of)
    missing = [account_id for account_id in wanted if account_id not in found]
    told = json.dumps(",".join(sorted({spoken.versions[row.release_id] for row in rows})))
    horizon_days = _common_horizon({row.horizon_days for row in rows})
    scores = ",".join([_write_score(row, versions[row.release_id]) for row in rows])
    return (
        f'{{{spoken.quoted_head},"model_version":{told},'
        f'"stale":{"true" if stale else "false"},'
        f'"synthetic":{"true" if service.options.synthetic else "false"},'
        f'"model":"{model}","horizon_days":{horizon_days or "null"},'
        f'"scores":[{scores}],"missing":{json.dumps(missing) if missing else "[]"}}}'
    )


def _common_horizon(horizons: set[int]) -> int | None:
    """Return the one horizon (days) of several scores; ``None`` where they differ."""
    return min(horizons) if len(horizons) == 1 else None


def _write_score(row: CurrentScore, version: str) -> str:
    """Write one score; numbers are finite and reasons are JSON, the ledger's writer saw to it."""
    currency = "null" if row.currency is None else f'"{row.currency}"'
    return (
        f'{{"account_id":"{row.account_id}","value":{row.value!r},"unit":"{row.unit}",'
        f'"currency":{currency},"rank":{row.rank},"band":"{row.band}","route":"{row.route}",'
        f'"horizon_days":{row.horizon_days},"model_version":{version},"reasons":{row.reasons}}}'
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
    spoken = service.spoken(run.run_id)
    horizons = [one.horizon_days for one in spoken.speakers if one.model == model]
    if not horizons or horizon_days not in {None, *horizons}:
        mine = [one for one in spoken.speakers if one.model == model] or spoken.speakers
        known = sorted({f"{one.model} over {one.horizon_days} days" for one in mine})
        raise ModelNotFoundError(
            "the newest run has no scores of that model and horizon",
            f"one of {', '.join(known)}",
            "ask for one of these, or train and refresh",
        )
    return ScoresAnswer.model_validate(
        {
            **service.freshness(run, spoken.version(model)),
            "model": model,
            "horizon_days": horizon_days or _common_horizon(set(horizons)),
            "scores": [],
            "missing": wanted,
        }
    )
