"""Who may ask: an API key in ``Authorization: Bearer``, and one declared scope per route."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from ledger.keys import ApiKey, find_key_id, hash_key, read_key
from lifecycle.errors import UsageError
from service.deps import Service, find_service
from service.problems import Problem

PUBLIC = "public"
EXTRA = "x-scope"
ROLES: dict[str, tuple[str, ...]] = {
    "reader": (
        "accounts:read",
        "backtest:read",
        "deals:read",
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


def needs(scope: str) -> dict[str, Any]:
    """Declare a route's scope, as its ``openapi_extra``: the published document shows it too."""
    return {EXTRA: scope}


class ScopedRoute(APIRoute):
    """A route that lets a request in only by its declared scope and its declared parameters.

    It wraps the handler instead of adding a dependency: resolving one costs as much as the read.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler behind its checks."""
        answer = super().get_route_handler()

        async def check_and_answer(request: Request) -> Response:
            if self.scope != PUBLIC and self.scope not in find_caller(request).scopes:
                raise Problem(
                    403, "scope-missing", f"this key lacks the scope {self.scope}; use another key"
                )
            if request.scope["query_string"]:
                _check_parameters(request, *self.query_names)
            return await answer(request)

        return check_and_answer

    @cached_property
    def scope(self) -> str:
        """The one scope declared by `needs`; empty if there is none."""
        return str((self.openapi_extra or {}).get(EXTRA, ""))

    @cached_property
    def query_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """All query names of the route, and those that may be repeated."""
        declared = (self.openapi_extra or {}).get("parameters", [])
        by_hand = [one for one in declared if one["in"] == "query"]
        lists = frozenset(one["name"] for one in by_hand if one["schema"]["type"] == "array")
        names = {one["name"] for one in by_hand}
        return frozenset(names | set(_query_names(self.dependant))), lists


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


def check_routes(routes: Iterable[BaseRoute]) -> None:
    """Refuse an application in which a route has not declared exactly one known scope.

    Raises
    ------
    UsageError
        The route is named.
    """
    for route in routes:
        declared = route.scope if isinstance(route, ScopedRoute) else ""
        if declared not in SCOPES | {PUBLIC}:
            raise UsageError(
                f"route {getattr(route, 'path', route)} declares the scope {declared!r}",
                "exactly one known scope",
                "add openapi_extra=needs(...) to it, on a router of ScopedRoute",
            )


def _query_names(dependant: Any) -> list[str]:
    nested = [_query_names(one) for one in dependant.dependencies]
    return [
        *(str(field.alias) for field in dependant.query_params),
        *(name for names in nested for name in names),
    ]


def _check_parameters(request: Request, names: frozenset[str], lists: frozenset[str]) -> None:
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
