"""A client generated from the published document speaks with a running server."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from ledger.engine import Ledger
from ledger.job_claims import claim
from ledger.job_results import write_result
from ledger.jobs import finish
from ledger.runs import publish_run
from ledger.views import write_at_risk
from service import server
from service.app import create_app
from service.deps import Options
from tests.ledger.story import address, at_risk, new_ledger
from tests.ledger.test_jobs import NOW
from tests.service.conftest import make_key
from tests.service.quarter import fill_quarter
from tests.service.scoring import company
from tests.service.scoring.test_ask import names

ROOT = Path(__file__).parents[3]


def generate(folder: Path, document: Path) -> subprocess.CompletedProcess[str]:
    (folder / "generator.yaml").write_text("post_hooks: []")  # or it would format the client
    words = ["--path", str(document), "--config", str(folder / "generator.yaml")]
    words += ["--output-path", str(folder / "truecast_client"), "--meta", "none"]
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    return subprocess.run([*command, *words], capture_output=True, text=True, check=False)


class Import(Protocol):
    """Import a module of the generated client by its name."""

    def __call__(self, name: str) -> ModuleType: ...


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Import]:
    folder = tmp_path_factory.mktemp("generated")
    made = generate(folder, ROOT / "tests" / "golden" / "openapi.json")
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"truecast_client.{name}".rstrip("."))
    sys.path.remove(str(folder))
    for name in [one for one in sys.modules if one.startswith("truecast_client")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Ledger:
    """Scores with models behind them, listed accounts, and a quarter."""

    def publish_listed(made: Ledger, run_id: int) -> None:
        write_at_risk(made, run_id, [at_risk(name) for name in names()[:5]])
        publish_run(made, run_id)

    made = new_ledger(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(company, "publish_run", publish_listed)
        company.fill_company(made, folder)
    fill_quarter(made)
    return made


@pytest.fixture(scope="module")
def url(folder: Path, ledger: Ledger) -> Iterator[str]:
    make_key(folder, ledger)
    taken = server.bind_port("127.0.0.1", 0)
    running = server.build_server(create_app(address(folder), Options(folder)))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve(sockets=[taken])))
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    running.should_exit = True
    thread.join()
    taken.close()


def open_clients(
    generated: Import, url: str, folder: Path, ledger: Ledger, *, role: str
) -> Iterator[Any]:
    key = make_key(folder, ledger, role=role)
    with generated("").AuthenticatedClient(url, key, raise_on_unexpected_status=True) as made:
        yield made


@pytest.fixture(scope="module")
def client(generated: Import, url: str, folder: Path, ledger: Ledger) -> Iterator[Any]:
    yield from open_clients(generated, url, folder, ledger, role="reader")


@pytest.fixture(scope="module")
def crm(generated: Import, url: str, folder: Path, ledger: Ledger) -> Iterator[Any]:
    yield from open_clients(generated, url, folder, ledger, role="crm")


def test_every_module_of_it_can_be_imported(generated: Import) -> None:
    package = generated("")
    found = pkgutil.walk_packages(package.__path__, "truecast_client.")
    assert len([importlib.import_module(one.name) for one in found]) > 100


def test_it_reads_the_list_and_a_score_by_id(generated: Import, client: Any) -> None:
    listed = generated("api.at_risk.list_at_risk").sync(client=client, limit=2)
    assert len(listed.accounts) == 2
    assert listed.next_cursor
    asked = [listed.accounts[0].account_id]
    read = generated("api.scores.read_scores").sync("churn", client=client, id=asked)
    assert read.scores[0].account_id == asked[0]


def test_it_asks_what_if(generated: Import, client: Any) -> None:
    body = generated("models").IdsAsked.from_dict(
        {"ids": [names()[0]], "overrides": {"recency_days": 3}}
    )
    said = generated("api.scores.ask_scores").sync("churn", client=client, body=body)
    assert said.scores[0].issued is False
    assert 0 <= said.scores[0].value <= 1


def test_it_reads_a_forecast(generated: Import, client: Any) -> None:
    found = generated("api.forecasts.read_forecast").sync("2012Q1", client=client)
    assert found.period == "2012Q1"


def test_it_asks_for_a_job_and_fetches_its_bytes(
    generated: Import, crm: Any, ledger: Ledger
) -> None:
    body = generated("models").JobAsked.from_dict({"format": "csv", "all": True})
    ask = generated("api.scores.score_rows").sync
    job = ask("churn", client=crm, body=body, idempotency_key="j1")
    assert job.state.value == "queued"
    fetch = generated("api.jobs.read_job_result").sync
    assert fetch(job.job_id, client=crm).status == 409  # a problem, as the document says
    with ledger.writing() as connection:
        found = claim(connection, "w1", ["score_rows"], now=NOW)
    assert found is not None
    result = write_result(ledger, found[1], [b"id\n"], media="text/csv")
    with ledger.writing() as connection:
        finish(connection, found[1], result=result)
    assert generated("api.jobs.read_job").sync(job.job_id, client=crm).result.size_bytes == 3
    assert fetch(job.job_id, client=crm).payload.read() == b"id\n"


def test_a_refusal_is_a_problem_with_the_rules_that_were_broken(
    generated: Import, client: Any
) -> None:
    problem = generated("api.forecasts.read_forecast").sync("nonsense", client=client)
    assert (problem.status, problem.errors[0].where) == (422, "path.period")


def test_the_planted_fault_is_caught(tmp_path: Path) -> None:
    """A body of a kind that the generator cannot send is a warning, and so a failure."""
    golden = (ROOT / "tests" / "golden" / "openapi.json").read_text(encoding="utf-8")
    (tmp_path / "openapi.json").write_text(golden.replace('"application/json"', '"text/lines"'))
    assert generate(tmp_path, tmp_path / "openapi.json").returncode != 0
