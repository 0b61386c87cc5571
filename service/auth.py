"""Who may ask: an API key in ``Authorization: Bearer``, and one declared scope per route."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts

from ledger.keys import ApiKey, find_key_id, hash_key, read_key
from lifecycle.errors import UsageError
from service.deps import Service, find_service
from service.problems import Problem

PUBLIC = "public"
ROLES: dict[str, tuple[str, ...]] = {
    "reader": (
        "accounts:read",
        "backtest:read",
        "docs:read",
        "forecast:read",
        "models:read",
        "risk:read",
        "scores:read",
    ),
}
SCOPES = frozenset(scope for scopes in ROLES.values() for scope in scopes)
CACHE_SECONDS = 5.0
CACHE_COUNT = 1_024


@dataclass(frozen=True)
class Needs:
    """The dependency by which a route declares its scope; it also refuses unknown parameters.

    Parameters
    ----------
    scope
        One of `SCOPES`, or `PUBLIC` for a route open to everybody.
    """

    scope: str

    async def __call__(self, request: Request) -> None:
        """Let the request pass, or refuse it with a problem."""
        if self.scope != PUBLIC:
            key = find_caller(request)
            if self.scope not in key.scopes:
                raise Problem(
                    403, "scope-missing", f"this key lacks the scope {self.scope}; use another key"
                )
        if request.scope["query_string"]:
            _check_parameters(request)


class KeyCache:
    """Keys found lately, for at most 5 seconds: a revoked key is refused after that."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, ApiKey]] = {}

    def find(self, service: Service, text: str) -> ApiKey | None:
        """Return the living key behind a text; ``None`` if there is none."""
        digest = hash_key(service.pepper, text)
        now = time.monotonic()
        found = self._found.get(digest)
        if found is None or now - found[0] > CACHE_SECONDS:
            key = _read_key(service, text, digest)
            if key is None:
                self._found.pop(digest, None)
                return None
            if len(self._found) >= CACHE_COUNT:
                self._found.clear()
            self._found[digest] = found = (now, key)
        return found[1] if found[1].lives(datetime.now(UTC)) else None


def find_caller(request: Request) -> ApiKey:
    """Return the key that asks.

    Raises
    ------
    Problem
        401: no key, or one that is unknown, expired or revoked; which of them is not said.
    """
    found: ApiKey | None = request.scope.get("truecast_key")
    if found is not None:
        return found
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    key = None
    if kind.lower() == "bearer" and text:
        cache: KeyCache = request.app.state.keys
        key = cache.find(find_service(request), text)
    if key is None:
        raise Problem(
            401,
            "key-needed",
            "no living key was found; send one in the header Authorization: Bearer "
            "(make one with `truecast keys create`)",
            headers={"www-authenticate": "Bearer"},
        )
    request.scope["truecast_key"] = key
    return key


def check_routes(app: FastAPI) -> None:
    """Refuse an application in which a route has not declared exactly one known scope.

    Raises
    ------
    UsageError
        The route is named.
    """
    parameters: dict[object, tuple[frozenset[str], frozenset[str]]] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        declared = _declared(route) if isinstance(route, APIRoute) else []
        if len(declared) != 1 or declared[0] not in SCOPES | {PUBLIC}:
            raise UsageError(
                f"route {getattr(route, 'path', route)} declares the scopes {declared}",
                "exactly one known scope",
                "add dependencies=[Depends(Needs(...))] to it",
            )
        assert isinstance(route, APIRoute)
        parameters[route.endpoint] = _query_names(route)
    app.state.parameters = parameters


def _declared(route: APIRoute) -> list[str]:
    return [one.dependency.scope for one in route.dependencies if isinstance(one.dependency, Needs)]


def _query_names(route: APIRoute) -> tuple[frozenset[str], frozenset[str]]:
    """Return all query names of a route, and those that may be repeated."""
    fields = _query_fields(route.dependant)
    names = frozenset(field.alias for field in fields)
    lists = frozenset(
        field.alias for field in fields if "list[" in str(field.field_info.annotation)
    )
    return names, lists


def _query_fields(dependant: Any) -> list[Any]:
    nested = [_query_fields(one) for one in dependant.dependencies]
    return [*dependant.query_params, *(field for fields in nested for field in fields)]


def _check_parameters(request: Request) -> None:
    names, lists = request.app.state.parameters[request.scope["endpoint"]]
    given = [name for name, _ in request.query_params.multi_items()]
    if not names.issuperset(given):
        raise Problem(
            400,
            "unknown-parameter",
            f"a query parameter is unknown; expected only {_join(names) or 'none'}",
        )
    single = [name for name in given if name not in lists]
    if len(single) != len(set(single)):
        raise Problem(400, "repeated-parameter", "a query parameter occurs twice; expected once")


def _join(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _read_key(service: Service, text: str, digest: str) -> ApiKey | None:
    key_id = find_key_id(text)
    key = None if key_id is None else read_key(service.ledger, key_id)
    if key is None or not hmac.compare_digest(key.secret_hash, digest):
        return None
    return key
