"""What the published document says of a route with a body and an effect."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

LARGEST_BYTES = 64_000
KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Names this request: sent again under the same key, its effect happens once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
}


def describe_effect(model: type[BaseModel] | None = None) -> dict[str, Any]:
    """Return the ``openapi_extra`` of a route with an effect, and with a body if it has a model."""
    told: dict[str, Any] = {"parameters": [KEY_HEADER]}
    if model is not None:
        schema = model.model_json_schema()
        inner = schema.pop("$defs", {})
        content = {"application/json": {"schema": _inline(schema, inner)}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _inline(part: Any, inner: dict[str, Any]) -> Any:
    """Put inner models where they are named: the document knows those of answers only."""
    if isinstance(part, list):
        return [_inline(one, inner) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inline(inner[part["$ref"].rpartition("/")[2]], inner)
    return {name: _inline(one, inner) for name, one in part.items()}
