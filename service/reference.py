"""The service's own description: OpenAPI for machines, one plain page for people; both need a key.

The page is our own HTML without scripts: the usual viewer loads its parts from elsewhere.
"""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from service.auth import ScopedRoute, needs
from service.deps import find_service
from service.problems import MEDIA_TYPE

router = APIRouter(route_class=ScopedRoute, tags=["reference"])
VERSION = "0.1.0"
_REFUSALS = {
    "400": "A parameter is unknown, repeated or unusable",
    "401": "No living key",
    "403": "The key lacks the scope",
    "404": "Nothing of that name",
    "422": "A parameter breaks its rule",
    "429": "Too many wrong keys came from this address; Retry-After says how long to wait",
    "503": "Nothing to answer from yet; the detail says what to run",
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:truecast:problem:unknown-account"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "description": "Found; expected; to do"},
        "request_id": {"type": "string"},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "description": "RFC 9457 problem",
}


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the key and the problems on every operation."""
    document = get_openapi(
        title="Truecast",
        version=VERSION,
        summary="Forecasts that answer for themselves",
        description=(
            "Who is about to leave, what each customer is worth, what the quarter will bring, and "
            "how right such answers were. Money is in minor units beside its currency; `stale` "
            "says when an answer is older than the configured limit."
        ),
        routes=app.routes,
    )
    parts = document["components"]
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    parts["schemas"]["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _add_refusals(operation, public=path in {"/livez", "/readyz"})
    return document


def _add_refusals(operation: dict[str, Any], *, public: bool) -> None:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    statuses = ("400", "503") if public else tuple(_REFUSALS)
    operation["responses"].pop("422", None)
    for status in statuses:
        operation["responses"][status] = {"description": _REFUSALS[status], "content": content}
    if not public:
        operation["security"] = [{"key": []}]


@router.get(
    "/openapi.json",
    operation_id="readOpenapi",
    include_in_schema=False,
    openapi_extra=needs("docs:read", rows="none"),
)
async def show_openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get(
    "/docs",
    operation_id="readDocs",
    include_in_schema=False,
    openapi_extra=needs("docs:read", rows="none"),
)
async def show_docs(request: Request) -> HTMLResponse:
    """Show the operations on one page."""
    policy = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
    synthetic = find_service(request).options.synthetic
    return HTMLResponse(_write_page(request.app.openapi(), synthetic=synthetic), headers=policy)


def _write_page(document: dict[str, Any], *, synthetic: bool) -> str:
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Truecast API</title>"]
    if synthetic:
        parts.append("<p><strong>SYNTHETIC: the facts behind these answers are made up</strong>")
    parts.append(f"<h1>Truecast API {escape(document['info']['version'])}</h1>")
    parts.append(f"<p>{escape(document['info']['description'])}</p>")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2>{escape(method.upper())} {escape(path)}</h2>")
            parts.append(f"<p>{escape(operation.get('description', ''))}</p><ul>")
            parts += [_write_parameter(one) for one in operation.get("parameters", [])]
            parts.append("</ul>")
    return "".join(parts)


def _write_parameter(one: dict[str, Any]) -> str:
    name, text = escape(one["name"]), escape(one.get("description", ""))
    needed = ", required" if one.get("required") else ""
    return f"<li><code>{name}</code> ({escape(one['in'])}{needed}) {text}</li>"
