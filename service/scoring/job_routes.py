"""Scores as jobs: up to 100,000 rows into a file, and an issued score computed once more."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from ledger.deals import DEAL_WIN
from ledger.job_inputs import Spool
from ledger.runs import read_current_run
from lifecycle.errors import ModelNotFoundError, NoScoresError
from service.auth import ScopedRoute, actor_of, find_caller, needs
from service.bodies import LARGEST_BYTES, describe_effect
from service.callers import Principal
from service.deps import Service, find_service
from service.idempotency import once
from service.jobs import JobAnswer, ask_for_job, describe_job
from service.json_rules import parse_strict
from service.problems import Problem, refuse_parameter
from service.scoring.issued import Wanted, find_issued
from service.scoring.keeper import MODELS
from service.scoring.shapes import (
    LARGEST_BODY_BYTES,
    LARGEST_JOB_ROW_COUNT,
    JobAsked,
    ReplayAsked,
)
from service.shapes import ID_PATTERN
from service.strict_json import LINE_KINDS, check_body, read_body, read_raw_lines

router = APIRouter(route_class=ScopedRoute, tags=["scores"])
LINES = (
    "Or as application/x-ndjson, for many rows: the first line is the JSON body without rows; each "
    "further line is one row"
)
ModelPath = Annotated[str, Path(description="Model name", examples=["churn"])]
UnitPath = Annotated[str, Path(pattern=ID_PATTERN, description="Account or deal id")]


def _describe_job_body() -> dict[str, Any]:
    told = describe_effect(JobAsked)
    # in words: for a second kind of body generators write clients that cannot be imported
    told["requestBody"]["description"] = LINES
    return told


@router.post(
    "/v1/scores/{model}/jobs",
    operation_id="scoreRows",
    status_code=202,
    response_model=JobAnswer,
    openapi_extra={**needs("scores:write", rows="book"), **_describe_job_body()},
)
async def score_rows(request: Request, model: ModelPath) -> Response:
    """Have up to 100,000 rows scored into a file; answers with the job.

    A row that cannot be scored has its problems in the file; the others are scored all the same.
    """
    _check_model(model)
    caller, by = find_caller(request), actor_of(request)
    asked, spool = await _read(request)
    payload = {"model": model, "asked": asked.model_dump(exclude={"rows"}), "count": spool.lines}

    def ask(connection: Any) -> tuple[int, object]:
        job = ask_for_job(connection, by, "score_rows", {**payload, **_who(caller)})
        spool.write(connection, job.job_id)
        return 202, JobAnswer.model_validate(describe_job(job))

    return await once(request, caller, ask)


@router.post(
    "/v1/scores/{model}/{unit_id}/replay",
    operation_id="replayScore",
    status_code=202,
    response_model=JobAnswer,
    openapi_extra={**needs("scores:write", rows="book"), **describe_effect(ReplayAsked)},
)
async def replay_score(request: Request, model: ModelPath, unit_id: UnitPath) -> Response:
    """Have an issued score computed once more from its feature row and release; a job.

    The job's result holds ``issued``, ``replayed`` and whether they are the ``same``, to the bit.
    """
    _check_model(model)
    caller, by, service = find_caller(request), actor_of(request), find_service(request)
    asked = check_body(ReplayAsked, await read_body(request, LARGEST_BYTES))
    wanted = await run_in_threadpool(_find_wanted, service, model, unit_id, asked)
    await run_in_threadpool(find_issued, service.ledger, wanted, caller.book)

    def ask(connection: Any) -> tuple[int, object]:
        payload = {**vars(wanted), **_who(caller)}
        job = ask_for_job(connection, by, "replay_score", payload)
        return 202, JobAnswer.model_validate(describe_job(job))

    return await once(request, caller, ask)


def _check_model(model: str) -> None:
    if model not in MODELS:
        raise ModelNotFoundError("no such model", f"one of {', '.join(sorted(MODELS))}")


def _who(caller: Principal) -> dict[str, Any]:
    book = None if caller.book is None else caller.book.name
    return {"role": caller.role, "book": book}


def _find_wanted(service: Service, model: str, unit_id: str, asked: ReplayAsked) -> Wanted:
    run_id = asked.run_id
    if run_id is None:
        run = read_current_run(service.ledger, "deals" if model == DEAL_WIN else "scores")
        if run is None:
            raise NoScoresError(
                "no scores were published yet", "at least one run", "run `truecast refresh`"
            )
        run_id = run.run_id
    return Wanted(model, unit_id, run_id, asked.horizon_days)


async def _read(request: Request) -> tuple[JobAsked, Spool]:
    """Read what is asked, and the rows as they come, one line each; a worker parses them."""
    spool, asked = Spool(), None
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in LINE_KINDS:
        async for line in read_raw_lines(request):
            if not line.strip():
                continue
            if asked is None:
                asked = check_body(JobAsked, parse_strict(line))
            elif spool.lines == LARGEST_JOB_ROW_COUNT:
                raise _too_many()
            else:
                spool.add(line)
    else:
        asked = check_body(JobAsked, await read_body(request, LARGEST_BODY_BYTES))
        for row in asked.rows or ():
            spool.add(json.dumps(row).encode())
    if asked is None:
        raise refuse_parameter("body", "a first line that says what is asked")
    if asked.all == bool(spool.lines):
        raise refuse_parameter("body.all", "true without rows, or rows")
    return asked, spool


def _too_many() -> Problem:
    detail = f"expected at most {LARGEST_JOB_ROW_COUNT} rows a job; send them in several jobs"
    return Problem(413, "too-many-rows", detail)
