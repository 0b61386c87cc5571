"""``POST /v1/ingest/{table}``: rows are checked, kept, acknowledged, and go to the lake later.

This process does not touch the lake: good rows stand in the ledger's inbox before the answer goes
out, and a worker's job takes them on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from ledger.audit import Actor, AuditEntry, append_audit, digest_of
from ledger.inbox import Push, PushedRow, write_push
from lifecycle.checks.bounds import CheckContext
from lifecycle.checks.pushed import (
    CheckedRow,
    check_pushed,
    is_pushed,
    read_pushed_columns,
    read_server_columns,
)
from lifecycle.crashpoint import crashpoint
from lifecycle.tables.catalog import ERASABLE_TABLES, FACT_TABLES, find_table
from lifecycle.tables.declare import Table
from service.auth import ScopedRoute, actor_of, find_caller, needs
from service.bodies import KEY_HEADER
from service.deps import find_service
from service.idempotency import once, postpone
from service.ingest_shapes import (
    LARGEST_ROW_COUNT,
    ColumnProblem,
    ColumnsPushed,
    PushAnswer,
    RowResult,
    RowsPushed,
)
from service.limits import INGEST_BODY_BYTES
from service.problems import ERRORS_SHOWN, Problem
from service.scoring.shapes import inline
from service.strict_json import check_body, read_body

router = APIRouter(route_class=ScopedRoute, tags=["ingest"])
SMALL_BATCH = 20
MOST_BAD_SHARE = 0.05
PROBLEMS_SHOWN = 5
TablePath = Annotated[
    str, Path(description="Table", json_schema_extra={"enum": sorted(FACT_TABLES)})
]
BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"anyOf": [inline(one) for one in (RowsPushed, ColumnsPushed)]}
        }
    },
}
_EXTRA = {**needs("ingest:write", rows="none"), "parameters": [KEY_HEADER], "requestBody": BODY}


@router.post(
    "/v1/ingest/{table}",
    operation_id="pushRows",
    status_code=202,
    response_model=PushAnswer,
    openapi_extra=_EXTRA,
)
async def push_rows(request: Request, table: TablePath) -> Response:
    """Take up to 1,000 rows of a table: good ones are kept, each bad one is told why not.

    All are refused if none is good, or if more than 5 % of 20 or more are bad.
    """
    caller, by = find_caller(request), actor_of(request)
    body = await read_body(request, INGEST_BODY_BYTES)
    arrived_at = datetime.now(UTC)
    context = CheckContext(arrived_at, find_service(request).options.currency)
    check_or_refuse = await run_in_threadpool(postpone, partial(_check, table, body, context))

    def keep(connection: Any) -> tuple[int, object]:
        wanted, checked = check_or_refuse()
        kept = [PushedRow(one.key, one.document) for one in checked if _is_kept(one)]
        pushed = Push(table, kept, arrived_at, caller.name, wanted.rescore)
        job_id = write_push(connection, pushed)
        append_audit(connection, _note(pushed, by))
        return 202, _describe(pushed, job_id, checked)

    answer = await once(request, caller, keep)
    crashpoint("push.stored")
    return answer


def _check(
    name: str, body: object, context: CheckContext
) -> tuple[RowsPushed | ColumnsPushed, list[CheckedRow]]:
    """Check a push and each of its rows."""
    table = _find_table(name)
    wanted, rows = _read_rows(table, body)
    checked = check_pushed(table, rows, context)
    _refuse_bad_batch(checked)
    return wanted, checked


def _find_table(name: str) -> Table:
    if name in ERASABLE_TABLES:
        raise Problem(
            403,
            "table-not-pushed",
            "what names a person is not pushed, for the lake cannot forget it; keep it where it "
            "can be erased",
        )
    if not is_pushed(name):
        raise Problem(
            404,
            "unknown-table",
            f"no such table; expected one of {', '.join(sorted(FACT_TABLES))}; correct the path",
        )
    return find_table(name)


def _read_rows(
    table: Table, body: object
) -> tuple[RowsPushed | ColumnsPushed, list[dict[str, Any]]]:
    """Hold a body to one of its two forms; return its rows by column."""
    given = body if isinstance(body, dict) else {}
    rows = given.get("rows")
    if isinstance(rows, list) and len(rows) > LARGEST_ROW_COUNT:
        detail = f"expected at most {LARGEST_ROW_COUNT} rows a call; send them in several calls, or"
        raise Problem(413, "too-many-rows", f"{detail} as a file with `truecast ingest`")
    if "columns" not in given:
        wanted = check_body(RowsPushed, body)
        _check_names(table, [list(row) for row in wanted.rows], "body.rows")
        return wanted, wanted.rows
    columnar = check_body(ColumnsPushed, body)
    _check_names(table, [columnar.columns], "body.columns")
    length = len(columnar.columns)
    if len(set(columnar.columns)) != length or any(len(row) != length for row in columnar.rows):
        found = {"where": "body.rows", "rule": "invalid"}
        raise _refuse([{**found, "expected": "each column once, and lists as long as columns"}])
    return columnar, [dict(zip(columnar.columns, row, strict=True)) for row in columnar.rows]


def _check_names(table: Table, groups: list[list[str]], where: str) -> None:
    """Refuse columns that are not the sender's to fill, and those that nobody declared."""
    allowed, own = read_pushed_columns(table), read_server_columns(table)

    def find() -> Iterator[dict[str, str]]:
        for place, name in ((place, name) for place, names in enumerate(groups) for name in names):
            if name in own:
                told = {"rule": "set_by_server", "expected": "to be left out: the server sets it"}
                yield {"where": f"{where}.{place}.{name}", **told}
            elif name not in allowed:
                told = {"rule": "unknown_column", "expected": f"one of {', '.join(allowed)}"}
                yield {"where": f"{where}.{place}", **told}

    if errors := list(islice(find(), ERRORS_SHOWN)):
        raise _refuse(errors)


def _refuse(errors: list[dict[str, str]]) -> Problem:
    detail = "the body breaks its schema; see errors for where and what is expected"
    return Problem(422, "invalid-request", detail, extra={"errors": errors})


def _refuse_bad_batch(checked: list[CheckedRow]) -> None:
    """Refuse a push of which too little is good: its source is broken, not some of its rows."""
    bad = sum(bool(one.faults) for one in checked)
    small = len(checked) < SMALL_BATCH and bad < len(checked)
    if bad == 0 or small or (bad < len(checked) and bad <= MOST_BAD_SHARE * len(checked)):
        return
    results = [one.model_dump() for one in _describe_rows(checked)]
    raise Problem(
        422,
        "too-many-bad-rows",
        f"{bad} of {len(checked)} rows broke a rule; expected at most {MOST_BAD_SHARE:.0%} of "
        f"{SMALL_BATCH} or more, and one good row; nothing was kept: correct them, see results",
        extra={"results": results},
    )


def _note(pushed: Push, by: Actor) -> AuditEntry:
    digest = digest_of({"rows": [row.content for row in pushed.rows]})
    return AuditEntry(by, "ingest.push", f"table:{pushed.table}", after_hash=digest)


def _is_kept(one: CheckedRow) -> bool:
    return not one.faults and not one.is_repeat


def _describe(pushed: Push, job_id: int, checked: list[CheckedRow]) -> PushAnswer:
    refused = sum(bool(one.faults) for one in checked)
    return PushAnswer(
        table=pushed.table,
        job_id=job_id,
        arrived_at=pushed.arrived_at,
        sent_count=len(checked),
        accepted_count=len(checked) - refused,
        refused_count=refused,
        results=_describe_rows(checked),
    )


def _describe_rows(checked: list[CheckedRow]) -> list[RowResult]:
    return [
        RowResult(
            accepted=not one.faults,
            problems=[ColumnProblem(**asdict(fault)) for fault in one.faults[:PROBLEMS_SHOWN]]
            or None,
        )
        for one in checked
    ]
