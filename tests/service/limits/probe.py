"""A small application behind the guard, whose handlers wait, fail or read as a test tells them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lifecycle.limits import NO_PACE, Limits
from service.admission import Admission
from service.guard import Guard
from service.problems import Problem, render_problem, request_id_of
from service.strict_json import read_body


class Probe:
    """The application, how many of its handlers run, and what they were cut off in."""

    def __init__(self, **limits: Any) -> None:
        self.limits = Limits(**{**NO_PACE.model_dump(), "waiting": 0, **limits})
        self.admission = Admission(self.limits)
        self.cancelled = 0
        self.most_running = 0
        routes = [
            Route("/v1/{rest:path}", self._answer, methods=["GET"]),
            Route("/v1/{rest:path}", self._take, methods=["POST"]),
            Route("/livez", self._answer),
            Route("/readyz", self._answer),
        ]
        app = Starlette(routes=routes, exception_handlers={Problem: _render})
        self.guard = Guard(app, self.limits, self.admission)

    async def _answer(self, request: Request) -> Response:
        self.most_running = max(self.most_running, self.admission.running)
        seconds = float(request.query_params.get("seconds", 0))
        try:
            if "thread" in request.query_params:
                await run_in_threadpool(time.sleep, seconds)
            else:
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return JSONResponse({"same": request.url.path})

    async def _take(self, request: Request) -> Response:
        await read_body(request, 5_000_000)
        return await self._answer(request)

    async def ask(self, path: str, key: str = "a", **given: Any) -> httpx2.Response:
        """Send one request; a list of headers or a body may be given."""
        headers = {"authorization": f"Bearer {key}", **given.pop("headers", {})}
        transport = httpx2.ASGITransport(self.guard, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(given.pop("method", "GET"), path, headers=headers, **given)

    async def knock(self, path: str, key: str) -> int:
        """Send one request without a client, which would cost more than the request; its status."""
        statuses: list[int] = []

        async def send(message: Any) -> None:
            statuses.append(message.get("status", 0))

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"authorization", key.encode())],
        }
        await self.guard(scope, receive, send)
        return statuses[0]

    async def ask_all(self, paths: Sequence[str], key: str = "a") -> list[httpx2.Response]:
        """Send requests at the same time."""
        return await asyncio.gather(*[self.ask(path, key) for path in paths])


async def _render(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render_problem(error, request_id_of(request))
