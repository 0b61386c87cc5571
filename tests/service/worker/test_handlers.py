from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ledger.engine import Ledger
from ledger.job_claims import claim
from ledger.jobs import enqueue, read_job
from ledger.runs import read_current_run
from lifecycle.errors import DataError, RefusedError, UsageError
from lifecycle.periods import CALENDAR_YEAR
from service.worker import commands, export
from service.worker.handlers import HANDLERS, find_handler, longest_seconds
from service.worker.task import Home, Task
from tests.ledger.story import fill, new_ledger
from tests.ledger.test_jobs import NOW

ASKED: dict[str, Any] = {
    "filters": {}, "sort": "expected_loss", "role": "reader", "book": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Ledger:
    made = new_ledger(folder)
    fill(made)
    return made


def begin(ledger: Ledger, folder: Path, kind: str, **payload: Any) -> Task:
    with ledger.writing() as connection:
        enqueue(connection, kind, payload, by="key:a")
        found = claim(connection, "w1", [kind], now=NOW)
    assert found is not None
    home = Home(folder, str(ledger.engine.url), ZoneInfo("UTC"), CALENDAR_YEAR)
    return Task(*found, ledger, home)


def write(ledger: Ledger, folder: Path, form: str, **asked: Any) -> bytes:
    task = begin(ledger, folder, "export_at_risk", **{**ASKED, **asked, "format": form})
    content = export.export_at_risk(task).content
    assert content is not None
    return b"".join(content)


def test_every_handler_is_there_and_has_a_longest_time() -> None:
    assert all(callable(find_handler(kind)) for kind in HANDLERS)
    assert all(0 < longest_seconds(kind) <= 12 * 3600 for kind in HANDLERS)


def test_a_list_is_the_same_in_each_form(ledger: Ledger, folder: Path) -> None:
    lines = [json.loads(line) for line in write(ledger, folder, "ndjson").splitlines()]
    cells = list(csv.DictReader(io.StringIO(write(ledger, folder, "csv").decode(), newline="")))
    table = pq.read_table(pa.BufferReader(write(ledger, folder, "parquet"))).to_pylist()
    ids = [row["account_id"] for row in lines]
    assert len(ids) == 12
    assert ids == [row["account_id"] for row in cells] == [row["account_id"] for row in table]
    assert json.loads(cells[0]["reasons"]) == lines[0]["reasons"]


def test_a_list_longer_than_the_limit_is_refused(
    ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert export.LARGEST_COUNT == 100_000
    monkeypatch.setattr(export, "LARGEST_COUNT", 12)
    assert write(ledger, folder, "ndjson")
    monkeypatch.setattr(export, "LARGEST_COUNT", 11)
    with pytest.raises(RefusedError, match="more than 11"):
        write(ledger, folder, "ndjson")


def test_an_export_holds_no_field_that_its_askers_role_does_not_see(
    ledger: Ledger, folder: Path
) -> None:
    lines = write(ledger, folder, "ndjson", role="leadership").splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["owner_id"] for row in rows} == {None}
    assert all(row["reasons"] == [] for row in rows)


def test_a_command_is_run_as_typed_and_its_json_is_the_result(ledger: Ledger, folder: Path) -> None:
    task = begin(ledger, folder, "refresh", as_of="2011-12-10")
    assert [one["model"] for one in commands.run_command(task, ["models"])] == ["churn"]


def test_a_commands_refusal_is_the_jobs(ledger: Ledger, folder: Path) -> None:
    task = begin(ledger, folder, "scenario_run", name="never saved")
    with pytest.raises(UsageError, match="never saved"):
        commands.run_scenario(task)


def test_bars_become_progress(ledger: Ledger, folder: Path) -> None:
    task = begin(ledger, folder, "refresh", as_of="2011-12-10")
    commands._follow(task, "refresh", io.StringIO('{"what":"scoring","done":1,"total":4}\n'))
    job = read_job(ledger, task.job.job_id)
    assert job is not None
    assert (job.progress, job.message) == (0.25, "refresh: scoring")


@pytest.mark.parametrize(("code", "kind"), [(2, UsageError), (3, RefusedError), (4, DataError)])
def test_exit_codes_keep_their_meaning(code: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="no such model"):
        commands._fail("train", code, "error: no such model\n")


@pytest.mark.parametrize(
    ("scored_ahead", "words"), [(1, ["--forecasts-only"]), (0, []), (2, []), (-1, [])]
)
def test_a_refresh_leaves_scores_that_were_made_since_its_day(
    ledger: Ledger,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    scored_ahead: int,
    words: list[str],
) -> None:
    run = read_current_run(ledger, "scores")
    assert run is not None
    day = (run.as_of - timedelta(days=scored_ahead)).isoformat()
    typed: list[str] = []
    monkeypatch.setattr(commands, "run_command", lambda task, given: typed.extend(given))
    commands.refresh(begin(ledger, folder, "refresh", as_of=day))
    assert typed == ["refresh", "--as-of", day, *words]
