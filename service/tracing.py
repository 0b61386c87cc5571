"""Spans of requests for OpenTelemetry, sent only where the settings name a collector.

The framework makes the spans; what it would tell of paths and queries is taken out, for they name
accounts and people.
"""

from __future__ import annotations

from typing import Any

from fastapi.telemetry import TelemetryConfig

from lifecycle.errors import UsageError

# the framework's own telemetry would send to wherever the environment points it
QUIET: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
PRIVATE = ("url.path", "url.query", "http.request.method_original", "server.address")
HIDDEN = "hidden"


def read_telemetry(endpoint: str) -> TelemetryConfig:
    """Return how requests are traced; nothing is imported or sent without an endpoint.

    Parameters
    ----------
    endpoint
        URL of a collector that takes OTLP over HTTP, such as ``http://127.0.0.1:4318/v1/traces``.

    Raises
    ------
    UsageError
        The extra ``truecast[otel]`` is not installed.
    """
    if not endpoint:
        return QUIET
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise UsageError(
            "TRUECAST_OTEL_ENDPOINT is set and OpenTelemetry is not installed",
            "the extra otel",
            "pip install 'truecast[otel]', or leave the setting out",
        ) from None
    return trace_with(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))


def trace_with(sender: Any) -> TelemetryConfig:
    """Return how requests are traced by a span processor that gets only what may be told."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    class Hiding(SpanProcessor):
        """Overwrite, when a span begins, what names accounts and people."""

        def on_start(self, span: Any, parent_context: Any = None) -> None:
            for name in PRIVATE:
                if name in (span.attributes or {}):
                    span.set_attribute(name, HIDDEN)

    provider = TracerProvider(resource=Resource.create({"service.name": "truecast"}))
    provider.add_span_processor(Hiding())
    provider.add_span_processor(sender)
    return {**QUIET, "tracing": True, "operation_spans": False, "tracer_provider": provider}
