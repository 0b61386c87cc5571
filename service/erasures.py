"""Forgetting a person, asked for over HTTP and done by a worker."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from ledger.audit import AuditEntry, append_audit, name_subject
from ledger.erasure import KIND, SUBJECT_PATTERN
from ledger.jobs import enqueue, reread_job
from service.auth import ScopedRoute, actor_of, find_caller, needs
from service.bodies import LARGEST_BYTES, describe_effect
from service.deps import find_service
from service.idempotency import once
from service.jobs import JobAnswer, answer_job
from service.shapes import ApiModel
from service.strict_json import check_body, read_body

router = APIRouter(route_class=ScopedRoute, tags=["privacy"])


class ErasureWanted(ApiModel):
    """Whom to forget."""

    subject: str = Field(pattern=SUBJECT_PATTERN, examples=["contact:003xx00001"])


@router.post(
    "/v1/erasures",
    operation_id="erasePerson",
    status_code=202,
    response_model=JobAnswer,
    openapi_extra={**needs("privacy:erase", rows="none"), **describe_effect(ErasureWanted)},
)
async def erase(request: Request) -> Response:
    """Have a person forgotten; answers with the job, whose result says what was done.

    Erase the person first in the system that the facts come from: it would send them again.
    """
    wanted = check_body(ErasureWanted, await read_body(request, LARGEST_BYTES))
    caller, by = find_caller(request), actor_of(request)
    named = name_subject(find_service(request).pepper, wanted.subject)

    def ask(connection: Any) -> tuple[int, object]:
        append_audit(connection, AuditEntry(by, "privacy.erase.asked", named))
        payload = {"subject": wanted.subject}
        job_id = enqueue(connection, KIND, payload, by=caller.name, dedup=named)
        return 202, answer_job(reread_job(connection, job_id), caller)

    return await once(request, caller, ask)
