"""What the process measures of itself, and who may ask."""

from __future__ import annotations

import logging
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from ledger.audit import AuditEntry, note_action
from ledger.engine import Ledger
from ledger.jobs import enqueue
from lifecycle.errors import TruecastError
from service.app import create_app
from service.deps import Options
from service.measurements import tell_measurements
from service.observer import Observer, Outcome
from service.tally import BOUNDS, Tally
from tests.ledger.story import address
from tests.service.access.story import TESTER
from tests.service.conftest import Client, make_key, open_client

Sample = dict[tuple[str, ...], float]


@pytest.fixture
def watcher(folder: Path, ledger: Ledger) -> Client:
    return open_client(folder, make_key(folder, ledger, role="admin"))


def read(client: Client, name: str) -> Sample:
    """The samples of one name, by the values of their labels in the order of the labels' names."""
    text = client.get("/metrics").text
    return {
        tuple(value for _, value in sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name
    }


def test_every_answer_is_counted_by_template_and_role(watcher: Client) -> None:
    for account in ("A01", "A02", "nobody"):
        watcher.get(f"/v1/accounts/{account}")
    watcher.get("/v1/models")
    counted = read(watcher, "truecast_request_seconds_count")
    assert counted["GET", "admin", "/v1/models", "2xx"] == 1
    assert counted["GET", "admin", "/v1/accounts/{account_id}", "4xx"] == 3
    assert sum(counted.values()) == 4


def test_strange_methods_and_paths_make_no_new_kinds(watcher: Client) -> None:
    for word in ("BREW", "PROPFIND"):
        watcher.get(f"/{word}", method=word)
    counted = read(watcher, "truecast_request_seconds_count")
    assert counted == {("other", "none", "none", "4xx"): 2}


def test_the_planted_fault_of_too_many_kinds_is_caught(watcher: Client) -> None:
    """With the path for a route, every account would be a kind of its own."""
    tally = Tally()
    for account in range(50):
        tally.add(("GET", f"/v1/accounts/{account}", 200, "admin"), 0.1)
    assert len(tally.read()) == 50


@pytest.mark.parametrize(("seconds", "at"), [(0.0, 0), (0.001, 0), (0.0011, 1), (99.0, 13)])
def test_a_duration_falls_at_or_below_its_bound(seconds: float, at: int) -> None:
    tally = Tally()
    tally.add(("GET", "/", 200, "none"), seconds)
    ((_, found),) = tally.read()
    assert [place for place, count in enumerate(found.counts) if count] == [at]
    assert len(found.counts) == len(BOUNDS) + 1


def test_refusals_are_counted_by_reason(watcher: Client) -> None:
    watcher.get("/v1/models?a=1&" + "&".join(["b"] * 200))
    assert read(watcher, "truecast_refusals_total") == {("too-many-parameters",): 1}


def test_ages_jobs_and_the_audit_log_are_told(watcher: Client, ledger: Ledger) -> None:
    seq = read(watcher, "truecast_audit_seq")[()]
    note_action(ledger, AuditEntry(TESTER, "test.done", "nothing"))
    with ledger.writing() as connection:
        enqueue(connection, "refresh", {}, by="test")
    assert read(watcher, "truecast_audit_seq")[()] == seq + 1
    assert read(watcher, "truecast_jobs")["queued",] == 1
    assert read(watcher, "truecast_run_age_seconds").keys() >= {("scores",), ("deals",)}
    assert all(value > 0 for value in read(watcher, "truecast_data_age_seconds").values())
    assert read(watcher, "truecast_ledger_up")[()] == 1


def test_without_a_ledger_the_process_still_tells_of_itself(tmp_path: Path) -> None:
    app = create_app(address(tmp_path), Options(tmp_path))
    samples = {
        one.name: one.value for family in app.state.measurements.collect() for one in family.samples
    }
    assert samples["truecast_ledger_up"] == 0
    assert samples["truecast_requests_running"] == 0
    assert "truecast_audit_seq" not in samples


@pytest.mark.parametrize("role", ["reader", "crm", "leadership"])
def test_only_who_holds_the_scope_may_ask(folder: Path, ledger: Ledger, role: str) -> None:
    assert (
        open_client(folder, make_key(folder, ledger, role=role)).get("/metrics").status_code == 403
    )
    assert open_client(folder, "none").get("/metrics").status_code == 401


def test_nothing_is_measured_by_who_or_what_was_asked_for(watcher: Client) -> None:
    watcher.get("/v1/accounts/A01?canary=1")
    told = watcher.get("/metrics").text
    assert "A01" not in told
    assert "canary" not in told
    assert watcher.key[:20] not in told


@pytest.fixture
def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def test_the_loopback_port_answers_without_a_key(free_port: int) -> None:
    where = f"http://127.0.0.1:{free_port}/metrics"
    with tell_measurements(CollectorRegistry(), free_port), urllib.request.urlopen(where) as answer:
        assert answer.status == 200
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(where)


def test_a_port_in_use_is_said(free_port: int) -> None:
    with (
        tell_measurements(CollectorRegistry(), free_port),
        pytest.raises(TruecastError, match="TRUECAST_METRICS_PORT"),
        tell_measurements(CollectorRegistry(), free_port),
    ):
        pass


def _cheapest(observer: Observer, times: int = 2_000) -> float:
    """Seconds of one note, in the quickest of five rounds: others share this machine."""
    scope = {"method": "GET"}
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            observer.note(scope, Outcome("id", 200, 0.01))
        rounds.append((time.perf_counter() - began) / times)
    return min(rounds)


@pytest.fixture
def _unlogged() -> Iterator[None]:
    """Whatever other tests have set: to write a line costs more than to count."""
    logger = logging.getLogger("truecast.requests")
    before = logger.level
    logger.setLevel(logging.WARNING)
    yield
    logger.setLevel(before)


@pytest.mark.usefixtures("_unlogged")
def test_to_count_an_answer_costs_twenty_microseconds_at_most() -> None:
    assert _cheapest(Observer(Tally(), lambda: b"")) <= 20e-6


def test_the_planted_fault_of_a_dear_count_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tally, "add", lambda *_: time.sleep(40e-6))
    assert _cheapest(Observer(Tally(), lambda: b""), times=200) > 20e-6
