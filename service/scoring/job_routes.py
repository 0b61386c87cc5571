"""Scores as jobs: up to 100,000 rows into a file, and an issued score computed once more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from ledger.deals import DEAL_WIN
from ledger.feature_rows import read_layouts
from ledger.job_inputs import Spool
from ledger.runs import Run, read_current_run
from lifecycle.errors import ModelNotFoundError, NoScoresError
from service.auth import ScopedRoute, find_caller, needs
from service.bodies import LARGEST_BYTES, describe_effect
from service.deps import Service, find_service
from service.idempotency import once, postpone
from service.jobs import JobAnswer, ask_for_job
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
    asked, spool = await _read(request)
    check = partial(_check_route, find_service(request), model, asked)
    refuse_if_unclear = await run_in_threadpool(postpone, check)
    payload = {"model": model, "asked": asked.model_dump(exclude={"rows"}), "count": spool.lines}

    def ask(connection: Any) -> tuple[int, object]:
        refuse_if_unclear()
        job = ask_for_job(connection, request, "score_rows", payload)
        spool.write(connection, job.job_id)
        return 202, job

    return await once(request, find_caller(request), ask)


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
    caller, service = find_caller(request), find_service(request)
    asked = check_body(ReplayAsked, await read_body(request, LARGEST_BYTES))

    def find() -> Wanted:
        wanted = _find_wanted(service, model, unit_id, asked)
        find_issued(service.ledger, wanted, caller.book)
        return wanted

    find_or_refuse = await run_in_threadpool(postpone, find)

    def ask(connection: Any) -> tuple[int, object]:
        return 202, ask_for_job(connection, request, "replay_score", vars(find_or_refuse()))

    return await once(request, caller, ask)


def _check_model(model: str) -> None:
    if model not in MODELS:
        raise ModelNotFoundError("no such model", f"one of {', '.join(sorted(MODELS))}")


def _find_wanted(service: Service, model: str, unit_id: str, asked: ReplayAsked) -> Wanted:
    run_id = _find_run(service, model).run_id if asked.run_id is None else asked.run_id
    return Wanted(model, unit_id, run_id, asked.horizon_days)


def _find_run(service: Service, model: str) -> Run:
    run = read_current_run(service.ledger, "deals" if model == DEAL_WIN else "scores")
    if run is None:
        raise NoScoresError(
            "no scores were published yet", "at least one run", "run `truecast refresh`"
        )
    return run


def _check_route(service: Service, model: str, asked: JobAsked) -> None:
    """Refuse whole rows that might be of several routes: a worker could not tell either."""
    if asked.given != "features":
        return
    layouts = read_layouts(service.ledger, _find_run(service, model).run_id)
    routes = sorted(one.route for one in layouts)
    if sum(asked.route in {None, one} for one in routes) != 1:
        told = " or ".join(routes) or "none: nothing was scored"
        raise refuse_parameter("body.route", f"whose features these are: {told}")


async def _read(request: Request) -> tuple[JobAsked, Spool]:
    """Read what is asked, and the rows as they come, one line each; a worker parses them."""
    spool, asked, blank_count = Spool(), None, 0
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in LINE_KINDS:
        async for line in read_raw_lines(request):
            if not line.strip():
                blank_count += 1
                if blank_count > LARGEST_JOB_ROW_COUNT:  # each costs as much as a row
                    raise _too_many()
            elif asked is None:
                asked = check_body(JobAsked, parse_strict(line))
            elif spool.lines == LARGEST_JOB_ROW_COUNT:
                raise _too_many()
            else:
                spool.add(line)
    else:
        asked = check_body(JobAsked, await read_body(request, LARGEST_BODY_BYTES))
        await run_in_threadpool(_spool_rows, spool, asked.rows or ())
    if asked is None:
        raise refuse_parameter("body", "a first line that says what is asked")
    if asked.all == bool(spool.lines):
        raise refuse_parameter("body.all", "true without rows, or rows")
    return asked, spool


def _spool_rows(spool: Spool, rows: Iterable[list[Any]]) -> None:
    for row in rows:
        spool.add(json.dumps(row).encode())


def _too_many() -> Problem:
    detail = f"expected at most {LARGEST_JOB_ROW_COUNT} rows a job; send them in several jobs"
    return Problem(413, "too-many-rows", detail)
