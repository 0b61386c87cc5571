"""A job that could only fail is refused at once; one that comes to it is not tried again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.engine import Ledger
from ledger.job_inputs import Spool
from ledger.jobs import cancel_job, enqueue
from lifecycle.errors import UsageError
from service.worker.loop import HOPELESS
from tests.service.conftest import Client
from tests.service.scoring.test_ask import features
from tests.service.scoring.test_score_jobs import WISH, lines, send, work
from tests.service.scoring.test_score_jobs import crm as crm

ALL = {"format": "csv", "all": True, "columns": ["id", "mrr_minor"]}
WHOLE = {**WISH, "given": "features", "columns": ["id", "recency_days"]}
JOBS = "/v1/scores/{}/jobs"


def refusal(crm: Client, body: bytes, kind: str) -> dict[str, Any]:
    answer = send(crm, JOBS.format("churn"), body, kind)
    assert answer.status_code == 422, answer.text
    found: dict[str, Any] = answer.json()["errors"][0]
    return found


@pytest.mark.parametrize("given", ["overrides", "features"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_all_goes_with_stored_scores_alone(crm: Client, given: str, kind: str) -> None:
    told = refusal(crm, lines({**ALL, "given": given}), kind)
    assert told["where"] == "body.given"
    assert "stored where all is true" in told["expected"]


@pytest.mark.parametrize("more", [{}, {"route": "deals"}])
def test_whole_rows_name_their_route_where_there_are_several(
    crm: Client, more: dict[str, str]
) -> None:
    told = refusal(crm, lines({**WHOLE, **more}, ["a", 1]), "application/x-ndjson")
    assert told["where"] == "body.route"
    assert "contractual or non_contractual" in told["expected"]


@pytest.mark.parametrize(
    ("model", "wish"),
    [("churn", {**WHOLE, "route": "contractual"}), ("deal_win", WHOLE), ("churn", {**WISH})],
)
def test_what_is_clear_is_taken(
    crm: Client, ledger: Ledger, model: str, wish: dict[str, Any]
) -> None:
    answer = send(crm, JOBS.format(model), lines(wish, ["a", 1]))
    assert answer.status_code == 202, answer.text
    with ledger.writing() as connection:
        cancel_job(connection, answer.json()["job_id"])


def ask_directly(ledger: Ledger, asked: dict[str, Any]) -> None:
    """A job as it may wait since before a route was added, or under the rules of before."""
    payload = {"model": "churn", "asked": asked, "count": 1, "role": "crm", "book": None}
    spool = Spool()
    spool.add(b'["a", 1]')
    with ledger.writing() as connection:
        spool.write(connection, enqueue(connection, "score_rows", payload, by="key:a"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (WHOLE, "body.route breaks its rule; expected whose features these are: contractual or"),
        ({**ALL, "given": "overrides"}, "body.given breaks its rule; expected .*stored where all"),
    ],
    ids=["route", "given"],
)
def test_what_waits_and_cannot_be_done_is_not_tried_again(
    ledger: Ledger, folder: Path, asked: dict[str, Any], told: str
) -> None:
    ask_directly(ledger, asked)
    with pytest.raises(UsageError, match=told) as caught:
        work(ledger, folder)
    assert caught.value.exit_code in HOPELESS
    assert "to do: ask for another job" in str(caught.value)


def test_a_good_row_has_an_empty_cell_of_problems(
    crm: Client, ledger: Ledger, folder: Path
) -> None:
    row = features(2)
    wish = {"given": "features", "columns": ["id", *row], "route": "non_contractual"}
    made = {}
    for form in ("csv", "parquet"):
        body = lines({**wish, "format": form}, ["a", *row.values()], ["short"])
        assert send(crm, JOBS.format("churn"), body).status_code == 202
        made[form] = work(ledger, folder)
    cells = list(csv.DictReader(io.StringIO(made["csv"].decode(), newline="")))
    table = pq.read_table(pa.BufferReader(made["parquet"]))
    rows = table.to_pylist()
    assert (cells[0]["problems"], cells[0]["reasons"]) == ("", "")
    assert (rows[0]["problems"], rows[0]["reasons"]) == (None, None)
    assert json.loads(cells[1]["problems"]) == json.loads(rows[1]["problems"])
    assert table.schema.field("reasons").type == pa.string()
