"""Who may ask: a key in ``Authorization: Bearer``, and one declared scope per route."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterable
from functools import cached_property
from typing import Any, Literal

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from ledger.audit import Actor
from lifecycle.errors import UsageError
from service.callers import Door, Principal
from service.denials import STRANGER, Denial, DenialLog, Failures
from service.deps import Service, find_service
from service.permissions import load_permissions
from service.problems import Problem, request_id_of

PUBLIC = "public"
EXTRA = "x-scope"
ROWS = "x-rows"
Rows = Literal["whole", "book", "none"]
PRINCIPAL = "truecast_principal"


def needs(scope: str, *, rows: Rows = "whole") -> dict[str, Any]:
    """Declare a route's scope, as its ``openapi_extra``: the published document shows it too.

    Parameters
    ----------
    rows
        What the answer speaks of. ``whole``: the whole company, so a caller with a book is refused;
        ``book``: the route leaves out what the caller's book does not hold; ``none``: of no
        account, deal or money at all.
    """
    return {EXTRA: scope, ROWS: rows}


class ScopedRoute(APIRoute):
    """A route that lets a request in only by its declared scope and its declared parameters.

    It wraps the handler instead of adding a dependency: resolving one costs as much as the read.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler behind its checks."""
        answer = super().get_route_handler()
        if _takes_request_alone(self.endpoint):
            # the framework has nothing to find or to write: its way costs as much as a stored score
            answer = self.endpoint

        async def check_and_answer(request: Request) -> Response:
            if self.scope != PUBLIC:
                await self._let_in(request)
            if request.scope["query_string"]:
                _check_parameters(request, *self.query_names)
            return await answer(request)

        return check_and_answer

    @cached_property
    def scope(self) -> str:
        """The one scope declared by `needs`; empty if there is none."""
        return str((self.openapi_extra or {}).get(EXTRA, ""))

    @cached_property
    def rows(self) -> str:
        """What the answer speaks of; the whole company unless `needs` says otherwise."""
        return str((self.openapi_extra or {}).get(ROWS, "whole"))

    async def _let_in(self, request: Request) -> None:
        try:
            caller = await admit(request)
            self._check(caller)
        except Problem as problem:
            if problem.status in {401, 403, 429}:
                _note_denial(request, f"{request.method} {self.path}", problem.kind)
            raise

    def _check(self, caller: Principal) -> None:
        if self.scope not in caller.scopes:
            raise Problem(
                403, "scope-missing", f"this key lacks the scope {self.scope}; use another key"
            )
        if caller.book is not None and self.rows == "whole":
            raise Problem(
                403,
                "book-limited",
                "this answer speaks of the whole company and this key sees one book; use another",
            )

    @cached_property
    def query_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """All query names of the route, and those that may be repeated."""
        declared = (self.openapi_extra or {}).get("parameters", [])
        by_hand = [one for one in declared if one["in"] == "query"]
        lists = frozenset(one["name"] for one in by_hand if one["schema"]["type"] == "array")
        names = {one["name"] for one in by_hand}
        return frozenset(names | set(_query_names(self.dependant))), lists


async def admit(request: Request) -> Principal:
    """Return who asks, found off the event loop unless it was found lately.

    Raises
    ------
    Problem
        401: no key, or one that is unknown, expired, revoked or used from elsewhere; which of them
        is not said. 429: too many wrong keys came from this address.
    """
    text = _read_bearer(request)
    if not text:
        raise _unknown()
    service, address = find_service(request), address_of(request)
    found = _door(request, text).recall(service, text, address)
    if found is None:
        found = await _look_up(request, service, text)
    request.scope[PRINCIPAL] = found
    return found


def find_caller(request: Request) -> Principal:
    """Return who asks, in a route that is not public.

    Raises
    ------
    Problem
        401: the route is public, and nobody was asked for a key.
    """
    found: Principal | None = request.scope.get(PRINCIPAL)
    if found is None:
        raise _unknown()
    return found


def actor_of(request: Request) -> Actor:
    """Return who asks, as the audit log names them: a stranger where nobody was let in."""
    caller: Principal | None = request.scope.get(PRINCIPAL)
    name, role, key_id = (STRANGER, None, None)
    if caller is not None:
        name, role, key_id = caller.name, caller.role, caller.key_id
    return Actor(name, key_id, role, address_of(request), request_id_of(request))


def address_of(request: Request) -> str:
    """Return the network address that asks; empty if the server does not tell it."""
    return request.client.host if request.client else ""


def check_routes(routes: Iterable[BaseRoute]) -> None:
    """Refuse an application in which a route has not declared exactly one known scope.

    Raises
    ------
    UsageError
        The route is named; or it is public and ``permissions.json`` does not list its path.
    """
    permissions = load_permissions()
    for route in routes:
        declared = route.scope if isinstance(route, ScopedRoute) else ""
        if declared == PUBLIC and permissions.is_public(getattr(route, "path", "")):
            continue
        if declared not in permissions.scopes:
            raise UsageError(
                f"route {getattr(route, 'path', route)} declares the scope {declared!r}",
                "exactly one known scope",
                "add openapi_extra=needs(...) to it, on a router of ScopedRoute",
            )


def _takes_request_alone(endpoint: Callable[..., Any]) -> bool:
    """Say whether a route's function reads its request, and writes its answer, by itself."""
    told = inspect.get_annotations(endpoint, eval_str=True)
    return inspect.iscoroutinefunction(endpoint) and told == {
        "request": Request,
        "return": Response,
    }


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


def _read_bearer(request: Request) -> str:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    return text if kind.lower() == "bearer" else ""


async def _look_up(request: Request, service: Service, text: str) -> Principal:
    """Read a key from the ledger, in a thread: it may be slow, and others must not wait."""
    cache = _door(request, text)
    failures: Failures = request.app.state.failures
    address = address_of(request)
    wait = failures.wait(address)
    if wait and not cache.knows(service, text):
        # a key that was let in before is looked up all the same: clients may share an address
        raise Problem(
            429,
            "too-many-failures",
            "too many wrong keys came from this address; wait, then send the right one",
            headers={"retry-after": str(wait)},
        )
    found = await asyncio.to_thread(cache.find, service, text, address)
    if found is None:
        failures.note(address)
        raise _unknown()
    asyncio.get_running_loop().run_in_executor(None, cache.note_use, service, text)
    return found


def _door(request: Request, text: str) -> Door:
    """Return what knows such a text: a token has three parts, a key of ours none."""
    tokens: Door | None = request.app.state.tokens
    keys: Door = request.app.state.keys
    return tokens if tokens is not None and text.count(".") == 2 else keys


def _note_denial(request: Request, what: str, why: str) -> None:
    """Count a denial; of a stranger nothing is kept but the address that came first."""
    denials: DenialLog = request.app.state.denials
    denials.note(Denial(actor_of(request), what, why))


def _unknown() -> Problem:
    return Problem(
        401,
        "key-needed",
        "no living key was found; send one in the header Authorization: Bearer "
        "(make one with `truecast keys create`)",
        headers={"www-authenticate": "Bearer"},
    )
