"""Scores as jobs: many rows into a file, and an issued score once more.

Rows are answered by what answers ``POST /v1/scores/{model}``, a thousand at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pyarrow as pa

from ledger.job_inputs import read_input
from ledger.visible import read_book_of
from lifecycle.errors import LedgerError, RefusedError, UsageError
from models.serving.checks import Fault
from service.callers import Principal, describe_principal, withhold
from service.deps import Options, Service
from service.json_rules import parse_strict
from service.problems import Problem
from service.scoring.ask import Asker
from service.scoring.compute import Row
from service.scoring.issued import Wanted
from service.scoring.keeper import Keeper
from service.scoring.questions import Block, Question, is_row
from service.scoring.replay import replay_score
from service.scoring.shapes import LARGEST_JOB_ROW_COUNT, LARGEST_ROW_COUNT, JobAsked
from service.scoring.writing import describe_about
from service.strict_json import check_body
from service.worker.forms import MEDIA, write_form
from service.worker.task import Answer, Task

NO_ROW = Fault("row", "form", "a JSON list as long as columns, with an id first")
NESTED = ("reasons", "problems")
SCHEMA = pa.schema(
    {
        "row": pa.int32(),
        "id": pa.string(),
        "model": pa.string(),
        "value": pa.float64(),
        "band": pa.string(),
        "rank": pa.int32(),
        "unit": pa.string(),
        "currency": pa.string(),
        "route": pa.string(),
        "horizon_days": pa.int32(),
        "model_version": pa.string(),
        "as_of": pa.string(),
        "data_as_of": pa.string(),
        "scored_at": pa.string(),
        "stale": pa.bool_(),
        "issued": pa.bool_(),
        "input_digest": pa.string(),
        "reasons": pa.string(),
        "problems": pa.string(),
        "synthetic": pa.bool_(),
    }
)
"""The result's columns; a row that has no score has its problems."""

Scored = tuple[str | None, Row]


def score_rows(task: Task) -> Answer:
    """Score the rows that came with the job, or all that have a stored score.

    The payload's members: ``model``; ``asked``, as `JobAsked` has it; ``count`` of rows; the
    asker's ``role`` and ``book``, whose rows and fields are looked up anew.

    Raises
    ------
    UsageError
        What is asked breaks a rule, or has come to break one since.
    """
    with _house_errors():
        asked = check_body(JobAsked, task.job.payload["asked"])
    rows = write_form(
        asked.format,
        _describe_all(task, asked),
        names=SCHEMA.names,
        nested=NESTED,
        schema=SCHEMA,
    )
    return Answer("scored", rows, MEDIA[asked.format])


def replay(task: Task) -> Answer:
    """Compute an issued score once more; the payload's members are those of `Wanted`."""
    asked = {name: task.job.payload[name] for name in Wanted.__annotations__}
    found = replay_score(task.ledger, task.home.data_dir / "bundles", Wanted(**asked))
    asker = _asker(task)
    for name in ("issued", "replayed"):
        found[name] = withhold(asker, found[name])
    told = "the same" if found["same"] else "NOT the same"
    return Answer(told, [json.dumps(found, allow_nan=False, ensure_ascii=False).encode()])


@contextmanager
def _house_errors() -> Iterator[None]:
    """Turn a refusal of a request into an error that ends the job: each try would meet it again."""
    try:
        yield
    except Problem as problem:
        errors = problem.extra.get("errors")
        if not errors:
            raise UsageError(problem.detail) from None
        found = f"{errors[0]['where']} breaks its rule"
        raise UsageError(found, str(errors[0]["expected"]), "ask for another job") from None


def _asker(task: Task) -> Principal:
    asked = task.job.payload
    book = read_book_of(task.ledger, asked["book"]) if asked["book"] else None
    return describe_principal(task.job.created_by, asked["role"], "", scopes=None, book=book)


def _describe_all(task: Task, asked: JobAsked) -> Iterator[dict[str, Any]]:
    asker, home, model = _asker(task), task.home, str(task.job.payload["model"])
    if "reasons" in asker.withheld:
        asked = asked.model_copy(update={"reasons": False})
    options = Options(
        home.data_dir,
        home.stale_after_days,
        home.calendar,
        home.synthetic,
        refuse_after_days=home.refuse_after_days,
        currency=home.currency,
    )
    told = {"model": model, "synthetic": home.synthetic}
    with closing(Service(home.ledger_address, options)) as service:
        keeper = Keeper(home.data_dir, lambda: task.ledger)
        keeper.look()
        scorer = _Scorer(task, Asker(service, keeper), asker)
        for number, (name, row) in enumerate(scorer.score(model, asked), start=1):
            yield {**_describe(row), "row": number, "id": name, **told}


def _describe(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    found["problems"] = [vars(fault) for fault in row.faults] or None
    if row.about is None:
        return found
    found |= {"value": row.value, "band": row.band, "rank": row.rank, "input_digest": row.digest}
    return found | describe_about(row.about) | {"reasons": json.loads(row.reasons or "null")}


class _Scorer:
    """One job's rows, a thousand at a time."""

    def __init__(self, task: Task, asker: Asker, by: Principal) -> None:
        self._task, self._asker, self._by = task, asker, by
        self._now = datetime.now(UTC)

    def score(self, model: str, asked: JobAsked) -> Iterator[Scored]:
        """Yield each row's id and answer, all of one published run."""
        run_id, done = self._asker.run_of(model).run_id, 0
        rows = self._list(model) if asked.all else self._read(len(asked.columns))
        total = self._task.job.payload["count"] or LARGEST_JOB_ROW_COUNT
        while some := list(islice(rows, LARGEST_ROW_COUNT)):
            yield from self._score_some(model, asked, some)
            done += len(some)
            self._task.report(done / total, f"{done:,} rows scored")
        if self._asker.run_of(model).run_id != run_id:
            raise LedgerError(
                "a refresh was published in between", "one run for all rows", "nothing: try again"
            )

    def _list(self, model: str) -> Iterator[list[Any] | None]:
        ids = self._asker.list_ids(model, self._by.book, limit=LARGEST_JOB_ROW_COUNT + 1)
        if len(ids) > LARGEST_JOB_ROW_COUNT:
            raise RefusedError(
                f"more than {LARGEST_JOB_ROW_COUNT:,} stored scores",
                f"at most {LARGEST_JOB_ROW_COUNT:,}",
                "send the ids, in several jobs",
            )
        yield from ([name] for name in ids)

    def _read(self, width: int) -> Iterator[list[Any] | None]:
        for line in read_input(self._task.ledger, self._task.job.job_id):
            try:
                row = parse_strict(line)
            except Problem:
                row = None
            yield row if is_row(row, width) else None  # type: ignore[misc]

    def _score_some(
        self, model: str, asked: JobAsked, some: list[list[Any] | None]
    ) -> Iterator[Scored]:
        rows = [row for row in some if row is not None]
        ids, places = [row[0] for row in rows], list(range(len(rows)))
        block = Block(asked.given, places, tuple(asked.columns), rows)
        question = Question(asked, ids, [block])
        with _house_errors():
            found = iter(self._asker.ask(model, question, book=self._by.book, now=self._now))
        for row in some:
            yield (None, Row(faults=[NO_ROW])) if row is None else (row[0], next(found))
