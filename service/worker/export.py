"""The at-risk list as a file: NDJSON, CSV or Parquet, as its asker would see it page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from ledger.views import AtRiskFilters, AtRiskSort, read_at_risk
from ledger.visible import read_book_of
from lifecycle.errors import NoScoresError, RefusedError
from service.callers import describe_principal, withhold
from service.worker.forms import MEDIA, write_form
from service.worker.task import Answer, Task

LARGEST_COUNT = 100_000
PAGE_COUNT = 2_000
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
    names = list(rows[0]) if rows else ["account_id"]
    content = write_form(form, rows, names=names, nested=_DOCUMENTS)
    return Answer(f"{len(rows):,} accounts", content, MEDIA[form])


def _read(task: Task) -> Iterator[Row]:
    asked = task.job.payload
    filters, sort = AtRiskFilters(**asked["filters"]), AtRiskSort(asked["sort"])
    book = read_book_of(task.ledger, asked["book"]) if asked["book"] else None
    asker = describe_principal(task.job.created_by, asked["role"], "", scopes=None, book=book)
    filters, cursor, count = replace(filters, book=asker.book), None, 0
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
