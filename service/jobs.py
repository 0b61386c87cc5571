"""Long work that was asked for: how far it is, what it gave, and ending it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from ledger.audit import AuditEntry, append_audit, digest_of
from ledger.job_results import read_result
from ledger.jobs import (
    Job,
    JobFilters,
    cancel_job,
    enqueue,
    find_visible,
    read_job,
    read_jobs,
    reread_job,
)
from service.auth import ScopedRoute, actor_of, find_caller, needs
from service.bodies import describe_effect
from service.callers import Principal
from service.deps import ServiceHere
from service.idempotency import once
from service.paging import Question, open_cursor, seal_cursor
from service.problems import Problem
from service.shapes import NAME_PATTERN, ApiModel, PageSize
from service.sight import describe_sight, sees_job

router = APIRouter(route_class=ScopedRoute, tags=["jobs"])
SEES_ALL = "admin"
"""The role that sees and ends everybody's jobs; results are their asker's alone."""
KEPT_BACK = "kept back: it may speak of other rows or fields than the caller sees now; ask again"
LARGEST_ID = 2**31 - 1
JobId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="Job id", examples=[17])]


class JobResult(ApiModel):
    """What a job gave: fetch it from ``/v1/jobs/{job_id}/result``."""

    media_type: str = Field(examples=["text/csv"])
    size_bytes: int = Field(examples=[18_204])
    sha256: str
    kept_until: datetime | None = Field(description="Null once its week is over: it was dropped")


class JobAnswer(ApiModel):
    """One piece of long work."""

    job_id: int = Field(examples=[17])
    kind: str = Field(examples=["export_at_risk"])
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    created_by: str = Field(examples=["key:ab12cd34"])
    created_at: datetime
    due_at: datetime | None = Field(description="Not before then; null: at once")
    started_at: datetime | None = Field(description="When its newest try began")
    finished_at: datetime | None
    cancel_asked_at: datetime | None
    tries: int = Field(description="How often it was begun; at most three times")
    progress: float = Field(ge=0, le=1, description="The share done")
    message: str = Field(description="What is being done, or why it failed")
    result: JobResult | None


class JobsAnswer(ApiModel):
    """One page of jobs, the newest first; follow ``next_cursor`` until it is null."""

    jobs: list[JobAnswer]
    next_cursor: str | None


@router.get("/v1/jobs", operation_id="listJobs", openapi_extra=needs("jobs:read", rows="none"))
def list_jobs(
    request: Request,
    service: ServiceHere,
    kind: Annotated[str | None, Query(pattern=NAME_PATTERN)] = None,
    state: Annotated[
        Literal["queued", "running", "done", "failed", "cancelled"] | None, Query()
    ] = None,
    *,
    limit: Annotated[PageSize, Query(description="Jobs per page")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=1_000, description="next_cursor of the page before")
    ] = None,
) -> JobsAnswer:
    """List the jobs that the caller asked for; an admin sees everybody's."""
    caller = find_caller(request)
    filters = JobFilters(_owner(caller), kind, state)
    question = Question(caller.key_id, "/v1/jobs", vars(filters))
    before = None if cursor is None else _before(open_cursor(service.pepper, question, cursor))
    found = read_jobs(service.ledger, filters, before=before, limit=limit + 1)
    following = None
    if len(found) > limit:
        following = seal_cursor(service.pepper, question, [found[limit - 1].job_id])
    shown = [answer_job(job, caller) for job in found[:limit]]
    return JobsAnswer(jobs=shown, next_cursor=following)


@router.get(
    "/v1/jobs/{job_id}", operation_id="readJob", openapi_extra=needs("jobs:read", rows="none")
)
def show_job(request: Request, job_id: JobId, service: ServiceHere) -> JobAnswer:
    """Show one job; somebody else's is not found."""
    job = read_job(service.ledger, job_id)
    caller = find_caller(request)
    if job is None or _owner(caller) not in {None, job.created_by}:
        raise _unknown()
    return answer_job(job, caller)


@router.get(
    "/v1/jobs/{job_id}/result",
    operation_id="readJobResult",
    response_class=Response,
    responses={200: {"description": "The bytes, of the media type that the job names",
                     "content": {"application/octet-stream": {"schema": {
                         "type": "string", "format": "binary"}}}}},
    openapi_extra=needs("jobs:read", rows="book"),
)  # fmt: skip
def show_result(request: Request, job_id: JobId, service: ServiceHere) -> Response:
    """Give the bytes of a job that the caller itself asked for, for 7 days after it was done."""
    caller, job = find_caller(request), read_job(service.ledger, job_id)
    if job is None or job.created_by != caller.name:
        raise _unknown()
    if not sees_job(caller, job):
        detail = "no result for what this caller sees now; expected the role and book of when it"
        raise Problem(404, "unknown-job", f"{detail} was asked for; ask for it again")
    if job.result is None:
        detail = f"the job is {job.state}; expected one that is done and gave something"
        raise Problem(409, "no-result", f"{detail}; ask again once it is done")
    if job.result.kept_until is None:
        raise Problem(410, "result-dropped", "results are kept for 7 days; ask for it again")
    headers = {
        "content-length": str(job.result.size),
        "content-disposition": f'attachment; filename="job-{job_id}"',
    }
    content = read_result(service.ledger, job_id)
    return StreamingResponse(content, headers=headers, media_type=job.result.media)


@router.post(
    "/v1/jobs/{job_id}/cancel",
    operation_id="cancelJob",
    response_model=JobAnswer,
    openapi_extra={**needs("jobs:write", rows="none"), **describe_effect()},
)
async def cancel(request: Request, job_id: JobId) -> Response:
    """End a job that waits, or ask its worker to end it; one that is cancelled stays so."""
    caller, by = find_caller(request), actor_of(request)

    def end(connection: Any) -> tuple[int, object]:
        before = find_visible(connection, job_id, _owner(caller))
        if before is None:
            raise _unknown()
        ended = cancel_job(connection, job_id)
        entry = AuditEntry(by, "jobs.cancel", f"job:{job_id}", before_hash=_digest(before))
        append_audit(connection, replace(entry, after_hash=_digest(ended)))
        return 200, answer_job(ended, caller)

    return await once(request, caller, end)


def ask_for_job(
    connection: Any,
    request: Request,
    kind: str,
    payload: dict[str, Any],
    *,
    dedup: str | None = None,
) -> JobAnswer:
    """Ask for a job in the caller's name and note it in the audit log, in one transaction.

    The payload keeps which rows and fields the caller sees: others are not given to it later.
    """
    caller, by = find_caller(request), actor_of(request)
    payload = {**payload, **describe_sight(caller)}
    job_id = enqueue(connection, kind, payload, by=by.name, dedup=dedup)
    asked = digest_of({"kind": kind, "payload": payload})
    entry = AuditEntry(by, f"jobs.{kind}", f"job:{job_id}", after_hash=asked)
    append_audit(connection, entry)
    return answer_job(reread_job(connection, job_id), caller)


def answer_job(job: Job, caller: Principal) -> JobAnswer:
    """Return a job as its asker, or an admin, is shown it.

    A message may count or name what was seen when the job was asked for, so that whoever sees
    otherwise by now is told neither it nor the result.
    """
    told = _describe(job)
    if _owner(caller) is not None and not sees_job(caller, job):
        told |= {"message": KEPT_BACK, "result": None}
    return JobAnswer.model_validate(told)


def _describe(job: Job) -> dict[str, Any]:
    """Return a job without what it was asked to do, which is not repeated."""
    result = job.result and {
        "media_type": job.result.media,
        "size_bytes": job.result.size,
        "sha256": job.result.digest,
        "kept_until": job.result.kept_until,
    }
    told = {name: value for name, value in vars(job).items() if name != "payload"}
    return {**told, "result": result}


def _digest(job: Job) -> str:
    return digest_of(_describe(job))


def _owner(caller: Principal) -> str | None:
    """Return whose jobs a caller sees; ``None``: everybody's."""
    return None if caller.role == SEES_ALL else caller.name


def _before(place: list[object]) -> int:
    if len(place) != 1 or not isinstance(place[0], int):
        raise Problem(400, "bad-cursor", "the cursor cannot be used; begin again without it")
    return place[0]


def _unknown() -> Problem:
    detail = "no such job of this caller; expected an id that GET /v1/jobs lists; correct the id"
    return Problem(404, "unknown-job", detail)
