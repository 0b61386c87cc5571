"""What the process measures of itself, in Prometheus' text form: requests, queue, ages, jobs.

Of this process only: with several, each is asked for its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from ledger.audit import read_audit_head
from ledger.engine import Ledger
from ledger.jobs import count_jobs
from ledger.runs import RunKind, read_current_run
from ledger.workers import read_workers
from lifecycle.errors import TruecastError
from service.admission import Admission
from service.auth import ScopedRoute, needs
from service.deps import Service
from service.scoring.keeper import Keeper
from service.tally import BOUNDS, Durations, Tally

router = APIRouter(route_class=ScopedRoute, tags=["reference"])
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK = "127.0.0.1"
RUN_KINDS: tuple[RunKind, ...] = ("scores", "forecast", "backtest", "deals")
_AGES = {
    "run": "Seconds since the current run was computed",
    "data": "Seconds since the newest fact of the current run was known",
}


@router.get(
    "/metrics",
    operation_id="readMetrics",
    openapi_extra=needs("metrics:read", rows="none"),
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def show_measurements(request: Request) -> Response:
    """Return this process's measurements in Prometheus' text form."""
    registry: CollectorRegistry = request.app.state.measurements
    text = await run_in_threadpool(generate_latest, registry)
    return Response(text, media_type=MEDIA_TYPE)


class Measurements(Collector):
    """Everything that is read when somebody asks.

    Parameters
    ----------
    tally, admission, keeper
        Of this process: what it answered, who waits, and which releases speak.
    service
        Gives the ledger; while that is out of reach, only what the process knows itself is told.
    """

    def __init__(
        self, tally: Tally, admission: Admission, *, keeper: Keeper, service: Service
    ) -> None:
        self._tally, self._admission = tally, admission
        self._keeper, self._service = keeper, service

    def describe(self) -> list[Metric]:
        """Return nothing: asking would read the ledger before the first request."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return every family of measurements."""
        now = datetime.now(UTC)
        yield self._requests()
        refused = CounterMetricFamily(
            "truecast_refusals", "Requests refused before a route was reached", labels=["reason"]
        )
        for reason, count in sorted(self._tally.refusals.copy().items()):
            refused.add_metric([reason], count)
        yield refused
        yield from self._places()
        yield from self._champions(now)
        try:
            found = list(_read_ledger(self._service.ledger, now))
        except TruecastError:
            found = []
        yield _gauge("truecast_ledger_up", "Whether the ledger could be read", float(bool(found)))
        yield from found

    def _requests(self) -> Metric:
        family = HistogramMetricFamily(
            "truecast_request_seconds",
            "Time of a request to the last byte of its answer; its count is the number of requests",
            labels=["method", "route", "status", "role"],
        )
        for kind, durations in self._tally.read():
            labels = [kind.method, kind.route, kind.status, kind.role]
            family.add_metric(labels, _cumulate(durations), durations.seconds)
        return family

    def _places(self) -> Iterator[Metric]:
        admission = self._admission
        yield _gauge("truecast_requests_running", "Requests worked on now", admission.running)
        yield _gauge("truecast_requests_waiting", "Requests waiting now", admission.waiting)
        yield _gauge("truecast_draining", "Whether it is about to stop", admission.draining)

    def _champions(self, now: datetime) -> Iterator[Metric]:
        ages = GaugeMetricFamily(
            "truecast_champion_age_seconds",
            "Seconds since a speaking release was trained",
            labels=["model", "route", "horizon_days"],
        )
        for (model, route, days), one in sorted(self._keeper.champions.items()):
            age = (now - one.release.created_at).total_seconds()
            ages.add_metric([model, route, str(days)], age)
        yield ages
        told = "Released bundles that were refused and do not speak"
        yield _gauge("truecast_bundles_refused", told, len(self._keeper.troubles))


def build_registry(measurements: Measurements) -> CollectorRegistry:
    """Return what is asked for measurements: these and the process's memory, time and handles."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(measurements)
    ProcessCollector(registry=registry)
    return registry


@contextmanager
def tell_measurements(registry: CollectorRegistry, port: int) -> Iterator[None]:
    """Answer on a port of the loopback, without a key, until left; port 0: not at all.

    Raises
    ------
    TruecastError
        Another process has the port.
    """
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, addr=LOOPBACK, registry=registry)
    except OSError as error:
        raise TruecastError(
            f"port {port} of the loopback cannot be used for measurements",
            "a free port",
            "set another TRUECAST_METRICS_PORT, or 0 for none",
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _read_ledger(ledger: Ledger, now: datetime) -> Iterator[Metric]:
    runs = {kind: read_current_run(ledger, kind) for kind in RUN_KINDS}
    for what, told in _AGES.items():
        ages = GaugeMetricFamily(f"truecast_{what}_age_seconds", told, labels=["kind"])
        for kind, run in runs.items():
            if run is not None:
                since = run.started_at if what == "run" else run.data_as_of
                ages.add_metric([kind], (now - since).total_seconds())
        yield ages
    jobs = GaugeMetricFamily("truecast_jobs", "Jobs kept in the ledger", labels=["state"])
    for state, count in count_jobs(ledger).items():
        jobs.add_metric([state], count)
    yield jobs
    with ledger.reading() as connection:
        seen = read_workers(connection)
    if seen:
        age = (now - seen[0].seen_at).total_seconds()
        yield _gauge("truecast_worker_seen_age_seconds", "Seconds since a worker was seen", age)
    yield _gauge(
        "truecast_audit_seq", "Number of the audit log's last row", read_audit_head(ledger)
    )


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=float(value))


def _cumulate(durations: Durations) -> list[tuple[str, float]]:
    """Return counts at or below each bound, as the text form wants them."""
    ends = [*(repr(bound) for bound in BOUNDS), "+Inf"]
    total, found = 0, []
    for end, count in zip(ends, list(durations.counts), strict=True):
        total += count
        found.append((end, float(total)))
    return found
