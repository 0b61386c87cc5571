"""Spans tell the template and the status; paths, queries and values stay here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ledger.engine import Ledger
from service import app as web
from service import tracing
from service.tracing import HIDDEN, QUIET, read_telemetry, trace_with
from tests.house.sources import ROOT
from tests.service.conftest import Client, make_key, open_client

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(
    folder: Path,
    ledger: Ledger,
    spans: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> Client:
    config = trace_with(SimpleSpanProcessor(spans))
    monkeypatch.setattr(web, "read_telemetry", lambda _: config)
    return open_client(folder, make_key(folder, ledger))


def _text(spans: InMemorySpanExporter) -> str:
    return "".join(one.to_json() for one in spans.get_finished_spans())


def _only(spans: InMemorySpanExporter) -> ReadableSpan:
    (found,) = spans.get_finished_spans()
    return found


def test_a_request_is_a_span_of_its_template(traced: Client, spans: InMemorySpanExporter) -> None:
    assert traced.get("/v1/accounts/A01").status_code == 200
    told = _only(spans).attributes or {}
    assert told["http.route"] == "/v1/accounts/{account_id}"
    assert told["http.response.status_code"] == 200
    assert told["url.path"] == HIDDEN


def test_it_belongs_to_its_callers_trace(traced: Client, spans: InMemorySpanExporter) -> None:
    headers = {"authorization": f"Bearer {traced.key}", "traceparent": PARENT}
    traced.get("/v1/models", headers=headers)
    context = _only(spans).get_span_context()
    assert context is not None
    assert f"{context.trace_id:032x}" == PARENT.split("-")[1]


PATHS = ("/v1/accounts/canary77", "/v1/at-risk?limit=canary77", "/canary77")


def _ask_all(client: Client) -> None:
    for path in PATHS:
        client.get(path)


def test_no_value_of_a_request_is_told(traced: Client, spans: InMemorySpanExporter) -> None:
    _ask_all(traced)
    assert len(spans.get_finished_spans()) == len(PATHS)
    assert "canary77" not in _text(spans)
    assert traced.key not in _text(spans)


def test_the_planted_fault_is_caught(
    folder: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "PRIVATE", ())
    spans = InMemorySpanExporter()
    config = trace_with(SimpleSpanProcessor(spans))
    monkeypatch.setattr(web, "read_telemetry", lambda _: config)
    _ask_all(open_client(folder, make_key(folder, ledger)))
    assert "canary77" in _text(spans)


def test_without_an_endpoint_nothing_is_traced_and_no_sdk_is_loaded() -> None:
    assert read_telemetry("") == QUIET
    code = "import service.app, sys; print([m for m in sys.modules if 'opentelemetry.sdk' in m])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


def test_spans_reach_a_collector() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    config = read_telemetry("http://127.0.0.1:9/v1/traces")
    assert config["tracing"]
