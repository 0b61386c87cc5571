"""Every refusal as RFC 9457 problem+json: one table from error class to status, one renderer.

A problem never repeats the caller's input and never shows SQL, paths or a stack.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from starlette.exceptions import HTTPException

from lifecycle.errors import (
    ConflictError,
    DataError,
    LedgerError,
    ModelError,
    ModelNotFoundError,
    NoForecastError,
    NoScoresError,
    RefusedError,
    StaleError,
    TruecastError,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
ERRORS_SHOWN = 10
_BROKEN_RULE = "a parameter breaks its rule; see errors for which and what is expected"
LOG = logging.getLogger("truecast.service")

STATUS: dict[type[TruecastError], int] = {
    UsageError: 400,
    RefusedError: 403,
    ModelNotFoundError: 404,
    NoForecastError: 404,
    ConflictError: 409,
    DataError: 422,
    ModelError: 503,
    NoScoresError: 503,
    StaleError: 503,
    LedgerError: 503,
    TruecastError: 500,
}


class Problem(Exception):  # noqa: N818 - it is an answer, not a failure
    """A refusal decided in this room.

    Parameters
    ----------
    status
        HTTP status.
    kind
        Last part of the problem's type, for example ``unknown-account``.
    detail
        Found, expected, to do; never the caller's input.
    headers, extra
        Additional headers, and members of the problem document.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.extra = dict(headers or {}), dict(extra or {})


def refuse_parameter(where: str, expected: str) -> Problem:
    """Return the refusal of a parameter, in the form that the framework's checks also take."""
    found = [{"where": where, "rule": "invalid", "expected": expected}]
    return Problem(422, "invalid-request", _BROKEN_RULE, extra={"errors": found})


def find_status(error: TruecastError) -> int:
    """Return the status of the nearest class in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def render_problem(problem: Problem, request_id: str) -> Response:
    """Write a problem as its response."""
    document = {
        "type": f"urn:truecast:problem:{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request_id,
        **problem.extra,
    }
    return Response(
        json.dumps(document, allow_nan=False, ensure_ascii=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def request_id_of(request: Request) -> str:
    """Return the id under which this request is logged."""
    return str(request.scope.get("truecast_request_id", ""))


def install_problems(app: FastAPI) -> None:
    """Let an application answer every error as a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(TruecastError, _on_house_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(ResponseValidationError, _on_bad_answer)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_failure)


def describe_house_error(error: TruecastError) -> Problem:
    """Return the problem that an error of the lower rooms means."""
    status = find_status(error)
    kind = "".join(f"-{c.lower()}" if c.isupper() else c for c in type(error).__name__)
    headers = {"retry-after": "5"} if status == 503 else {}
    return Problem(status, kind.strip("-").removesuffix("-error"), str(error), headers=headers)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render_problem(error, request_id_of(request))


async def _on_house_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TruecastError)
    problem = describe_house_error(error)
    if problem.status >= 500:
        LOG.warning("request %s: %s", request_id_of(request), error)
    return render_problem(problem, request_id_of(request))


async def _on_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [
        {
            "where": ".".join(str(part) for part in one["loc"][:2]),
            "rule": one["type"],
            "expected": str(one["msg"])[:200],
        }
        for one in error.errors()[:ERRORS_SHOWN]
    ]
    problem = Problem(422, "invalid-request", _BROKEN_RULE, extra={"errors": found})
    return render_problem(problem, request_id_of(request))


async def _on_bad_answer(request: Request, error: Exception) -> Response:
    LOG.error("request %s: an answer broke its own schema", request_id_of(request))
    problem = Problem(500, "invalid-answer", "the stored answer breaks the published schema")
    return render_problem(problem, request_id_of(request))


async def _on_failure(request: Request, error: Exception) -> Response:
    problem = Problem(500, "internal", "an unexpected failure; quote the request id")
    return render_problem(problem, request_id_of(request))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds = {404: "no-such-path", 405: "method-not-allowed"}
    details = {
        404: "no such path; see /openapi.json",
        405: "this path does not take that method; see the Allow header",
    }
    detail = details.get(error.status_code, HTTPStatus(error.status_code).phrase)
    kind = kinds.get(error.status_code, "http-error")
    problem = Problem(error.status_code, kind, detail, headers=dict(error.headers or {}))
    return render_problem(problem, request_id_of(request))
