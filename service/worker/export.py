"""The at-risk list as a file: NDJSON, CSV or Parquet, as its asker would see it page by page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.views import AtRiskFilters, AtRiskSort, read_at_risk
from ledger.visible import read_book_of
from lifecycle.errors import NoScoresError, RefusedError
from service.callers import describe_principal, withhold
from service.cells import guard_cell
from service.worker.task import Answer, Task

LARGEST_COUNT = 100_000
PAGE_COUNT = 2_000
MEDIA = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_DOCUMENTS = ("reasons", "curve", "causes")

Row = dict[str, Any]


def export_at_risk(task: Task) -> Answer:
    """Write the list that the payload describes.

    Its members: ``filters``, ``sort``, ``format``; the asker's ``role`` and ``book`` (a name, or
    none), whose rows and fields are looked up anew.

    Raises
    ------
    NoScoresError
        Nothing was scored yet.
    RefusedError
        The list has more than 100,000 accounts.
    """
    rows = list(_read(task))
    form = str(task.job.payload["format"])
    content = {"csv": _csv, "ndjson": _ndjson, "parquet": _parquet}[form](rows)
    return Answer(f"{len(rows):,} accounts", content, MEDIA[form])


def _read(task: Task) -> Iterator[Row]:
    asked = task.job.payload
    filters, sort = AtRiskFilters(**asked["filters"]), AtRiskSort(asked["sort"])
    book = read_book_of(task.ledger, asked["book"]) if asked["book"] else None
    asker = describe_principal(task.job.created_by, asked["role"], "", scopes=None, book=book)
    cursor, count = None, 0
    if asker.book is not None:
        raise RefusedError("an export of a book")  # until the list can be read by books
    while True:
        page = read_at_risk(task.ledger, filters, sort=sort, cursor=cursor, limit=PAGE_COUNT)
        if page is None:
            raise NoScoresError(
                "no scores were published yet", "at least one run", "run `truecast refresh`"
            )
        count += len(page.rows)
        if count > LARGEST_COUNT:
            raise RefusedError(
                f"a list of more than {LARGEST_COUNT:,} accounts",
                f"at most {LARGEST_COUNT:,}",
                "filter it, for example by segment",
            )
        head = {"as_of": page.run.as_of.isoformat(), "synthetic": task.home.synthetic}
        for row in page.rows:
            yield {**withhold(asker, asdict(row)), **head}
        task.report(count / LARGEST_COUNT, f"{count:,} accounts read")
        if (cursor := page.following) is None:
            return


def _ndjson(rows: list[Row]) -> Iterator[bytes]:
    for row in rows:
        yield json.dumps(row, default=str, allow_nan=False, ensure_ascii=False).encode() + b"\n"


def _csv(rows: list[Row]) -> Iterator[bytes]:
    held = io.StringIO(newline="")
    writer = csv.DictWriter(held, fieldnames=list(rows[0]) if rows else ["account_id"])
    writer.writeheader()
    for row in rows:
        writer.writerow({name: guard_cell(value) for name, value in _flat(row).items()})
        if held.tell() > PAGE_COUNT:
            yield held.getvalue().encode()
            held.seek(0)
            held.truncate()
    yield held.getvalue().encode()


def _parquet(rows: list[Row]) -> Iterator[bytes]:
    held = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([_flat(row) for row in rows]), held)
    yield held.getvalue().to_pybytes()


def _flat(row: Mapping[str, Any]) -> Row:
    """Keep what is nested as JSON text: a cell of a table holds one value."""
    return {
        name: json.dumps(value, default=str, ensure_ascii=False) if name in _DOCUMENTS else value
        for name, value in row.items()
    }
