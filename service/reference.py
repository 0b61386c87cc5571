"""The service's own description: OpenAPI for machines, one plain page for people; both need a key.

The page is our own HTML without scripts: the usual viewer loads its parts from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.routing import BaseRoute

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
_OF_EFFECTS = {"409": "It cannot be done as things stand, or the same request is being worked on"}
_OF_BODIES = {
    "408": "The body came too slowly",
    "413": "The body is too large",
    "415": "The body is of another kind",
}
_OF_RESULTS = {"409": "The job is not done yet", "410": "What it gave was dropped after its week"}
_BROKEN_RULE = {
    "type": "object",
    "required": ["where", "rule", "expected"],
    "properties": {
        "where": {"type": "string", "examples": ["body.period"]},
        "rule": {"type": "string"},
        "expected": {"type": "string"},
    },
    "description": "A rule that the request breaks",
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
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/BrokenRule"}},
    },
    "description": "RFC 9457 problem",
}


class _SameRoutes:
    """Routes as the key of a cache, equal to the very same routes alone."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self.routes = tuple(routes)

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.routes)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SameRoutes) and hash(self) == hash(other)


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the key and the problems on every operation.

    Built once for the same routes: it takes a third of a second. Nobody may change it.
    """
    return _build(_SameRoutes(app.routes))


@lru_cache(maxsize=4)
def _build(same: _SameRoutes) -> dict[str, Any]:
    document = get_openapi(
        title="Truecast",
        version=VERSION,
        summary="Forecasts that answer for themselves",
        description=(
            "Who is about to leave, what each customer is worth, what the quarter will bring, and "
            "how right such answers were. Money is in minor units beside its currency; `stale` "
            "says when an answer is older than the configured limit."
        ),
        routes=list(same.routes),
    )
    parts = document["components"]
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    parts["schemas"] |= {"Problem": _PROBLEM, "BrokenRule": _BROKEN_RULE}
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _add_refusals(operation, public=path in {"/livez", "/readyz"})
            _name_bodies(operation, parts["schemas"])
    return document


def _add_refusals(operation: dict[str, Any], *, public: bool) -> None:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    told = {status: _REFUSALS[status] for status in ("400", "503")} if public else dict(_REFUSALS)
    if any(one["in"] == "header" for one in operation.get("parameters", [])):
        told |= _OF_EFFECTS
    if "requestBody" in operation:
        told |= _OF_BODIES
    if operation["operationId"] == "readJobResult":
        told |= _OF_RESULTS
    operation["responses"].pop("422", None)
    for status, text in sorted(told.items()):
        operation["responses"][status] = {"description": text, "content": content}
    if not public:
        operation["security"] = [{"key": []}]


def _name_bodies(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give each model of a body its own name in the document: generated clients use it."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = _name_models(content["schema"], schemas)


def _name_models(part: Any, schemas: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_name_models(one, schemas) for one in part]
    if not isinstance(part, dict):
        return part
    made = {name: _name_models(value, schemas) for name, value in part.items()}
    name = made.get("title")
    if "properties" not in made or not isinstance(name, str):
        return made
    if schemas.setdefault(name, made) != made:
        return made  # another model has that name
    return {"$ref": f"#/components/schemas/{name}"}


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
