"""``POST /v1/scores/{model}``: stored scores, what-ifs, whole feature rows, 1 to 1,000 a call."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from ledger.visible import Book
from lifecycle.errors import ModelNotFoundError
from service.auth import ScopedRoute, find_caller, needs
from service.deps import find_service
from service.scoring.ask import Asker
from service.scoring.compute import Row
from service.scoring.keeper import MODELS, Keeper
from service.scoring.questions import Question, read_question
from service.scoring.shapes import (
    LARGEST_BODY_BYTES,
    AskedAnswer,
    ColumnsAsked,
    IdsAsked,
    RowsAsked,
    inline,
)
from service.scoring.writing import write_columns, write_rows
from service.strict_json import read_body

router = APIRouter(route_class=ScopedRoute, tags=["scores"])
# below the interpreter's switch interval: handed to a thread, the loop would wait as long for it
QUICK_SECONDS = 0.004
SLOWER, TICK = 1.1, 0.0001
PARAMETERS = [
    {
        "name": "model",
        "in": "path",
        "required": True,
        "description": "Model name",
        "schema": {"type": "string", "enum": sorted(MODELS), "examples": ["churn"]},
    }
]
BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"anyOf": [inline(one) for one in (IdsAsked, RowsAsked, ColumnsAsked)]},
            "examples": {
                "stored": {"value": {"ids": ["12748", "15311"], "reasons": True}},
                "what_if": {"value": {"ids": ["12748"], "overrides": {"recency_days": 3}}},
                "rows": {"value": {"rows": [{"id": "n1", "features": {"recency_days": 3}}]}},
                "columnar": {"value": {"columns": ["id", "recency_days"], "rows": [["n1", 3]]}},
            },
        }
    },
}


class Scorer:
    """What one web process needs to score: its champions, its threads, and how quick they were."""

    def __init__(self, asker: Asker, keeper: Keeper) -> None:
        self.keeper, self._asker = keeper, asker
        self._pool: ThreadPoolExecutor | None = None
        self._pace: dict[str, float] = {}

    async def ask(
        self, model: str, question: Question, book: Book | None = None, *, here: bool
    ) -> list[Row]:
        """Answer on the event loop if that takes a few milliseconds at most, else in a thread.

        Parameters
        ----------
        here
            Whether the loop may wait for the ledger: not for a server, which may hang.
        """
        needs_model = any(block.given != "stored" for block in question.blocks)
        if needs_model and not self.keeper.has_looked:
            await asyncio.to_thread(self.keeper.look)
        one = len(question.ids) == 1 and not question.wish.reasons
        if here and one and self._pace.get(model, 0.0) < QUICK_SECONDS:
            return self._ask(model, question, book)
        if self._pool is None:
            threads = 2 * (os.cpu_count() or 1)
            self._pool = ThreadPoolExecutor(threads, thread_name_prefix="scores")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._ask, model, question, book)

    def close(self) -> None:
        """End the threads."""
        self.keeper.stop()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, model: str, question: Question, book: Book | None) -> list[Row]:
        began = time.thread_time()
        rows = self._asker.ask(model, question, book=book)
        if len(rows) == 1 and not question.wish.reasons:
            took, before = time.thread_time() - began, self._pace.get(model)
            # the quickest of late: one that was interrupted says nothing of the next. The first is
            # never quick: statements and columns are met for the first time
            self._pace[model] = 0.0 if before is None else min(took, max(SLOWER * before, TICK))
        return rows


@router.post(
    "/v1/scores/{model}",
    operation_id="askScores",
    response_model=AskedAnswer,
    openapi_extra={
        **needs("scores:read", rows="book"),
        "parameters": PARAMETERS,
        "requestBody": BODY,
    },
)
async def ask_scores(request: Request) -> Response:
    """Score up to 1,000 rows: stored scores by id, what-ifs, or whole feature rows.

    A row that cannot be scored has its problems instead; the others are scored all the same.
    """
    model: str = request.path_params["model"]
    if model not in MODELS:
        raise ModelNotFoundError("no such model", f"one of {', '.join(sorted(MODELS))}")
    caller = find_caller(request)
    question = read_question(await read_body(request, LARGEST_BODY_BYTES))
    if "reasons" in caller.withheld:
        wish = question.wish.model_copy(update={"reasons": False})
        question = replace(question, wish=wish)
    scorer: Scorer = request.app.state.scorer
    service = find_service(request)
    rows = await scorer.ask(model, question, caller.book, here=service.is_local)
    write: Callable[..., str] = write_columns if question.columnar else write_rows
    synthetic = "true" if service.options.synthetic else "false"
    text = f'{{"model":"{model}","synthetic":{synthetic},{write(question.ids, rows)}}}'
    return Response(text, media_type="application/json")
