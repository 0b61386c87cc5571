"""The web application: answers from the ledger, trains nothing, unpickles nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from lifecycle.settings import Settings, load_settings
from service import (
    accounts,
    accuracy,
    at_risk,
    at_risk_totals,
    backtests,
    deal_record,
    deal_scores,
    deals,
    erasures,
    exports,
    forecast_changes,
    forecast_gap,
    forecasts,
    health,
    ingest,
    jobs,
    measurements,
    models,
    owner_bias,
    reference,
    scenario_posts,
    scenarios,
    scores,
    track_record,
    webhooks,
)
from service.admission import Admission
from service.auth import check_routes
from service.callers import KeyCache
from service.denials import DenialLog, Failures
from service.deps import Options, Service
from service.door import Door
from service.guard import Guard
from service.idempotency import InFlight
from service.limits import check_policies
from service.logs import configure_logs, tell
from service.measurements import Measurements, build_registry
from service.observer import Observer
from service.oidc import Issuer, TokenReader
from service.problems import install_problems
from service.scoring import job_routes as scoring_jobs
from service.scoring import routes as scoring
from service.scoring.ask import Asker
from service.scoring.keeper import Keeper
from service.tally import Tally
from service.tracing import read_telemetry
from service.webhook_address import Reach

LOG = logging.getLogger("truecast.process")
# the busiest first: routes are tried in this order; the scores of deals stand before the scores of
# a model of any name
NOUNS = (
    deal_scores,
    scores,
    scoring,
    scoring_jobs,
    at_risk,
    at_risk_totals,
    accounts,
    deals,
    owner_bias,
    forecasts,
    forecast_changes,
    forecast_gap,
    scenarios,
    scenario_posts,
    ingest,
    jobs,
    exports,
    erasures,
    accuracy,
    backtests,
    track_record,
    deal_record,
    models,
    webhooks,
    health,
    measurements,
    reference,
)


def create_app(ledger_address: str, options: Options, issuer: Issuer | None = None) -> FastAPI:
    """Build the application; nothing is opened before the first request.

    Parameters
    ----------
    ledger_address
        SQLAlchemy URL; a ledger that is missing is looked for again at each request.
    options
        Where the pepper lies, and when an answer is stale.
    issuer
        Identity provider of people; ``None``: only API keys are let in.

    Raises
    ------
    UsageError
        A route has not declared exactly one scope, nobody has decided what it may cost, or the
        issuer cannot be used.
    """
    service = Service(ledger_address, options)
    keeper = Keeper(options.data_dir, lambda: service.ledger)
    scorer = scoring.Scorer(Asker(service, keeper), keeper)
    denials = DenialLog(service)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        scorer.keeper.start()
        app.openapi()  # here, and not while somebody waits
        tell(LOG, "start")
        yield
        tell(LOG, "stop")
        scorer.close()
        denials.flush()
        service.close()

    app = FastAPI(
        title="Truecast",
        # as they are: an included router costs a second search for the route at each request
        routes=[route for noun in NOUNS for route in noun.router.routes],
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,
        telemetry=read_telemetry(options.otel_endpoint),
    )
    app.state.service, app.state.keys = service, KeyCache()
    app.state.in_flight, app.state.admission = InFlight(), Admission(options.limits)
    app.state.scorer, app.state.readiness = scorer, health.Readiness(service, keeper)
    app.state.failures, app.state.denials = Failures(), denials
    app.state.tokens = None if issuer is None else TokenReader(issuer)
    install_problems(app)
    check_routes(app.routes)
    check_policies(app.routes)
    app.openapi = partial(reference.build_openapi, app)  # type: ignore[method-assign]
    _guard(app, service, keeper)
    return app


def _guard(app: FastAPI, service: Service, keeper: Keeper) -> None:
    """Put the outermost layer around an application, and measure what it sees."""
    build, limits = app.build_middleware_stack, service.options.limits
    admission, observer = app.state.admission, Observer(Tally(), lambda: service.pepper)
    app.state.measurements = build_registry(
        Measurements(observer.tally, admission, keeper=keeper, service=service)
    )
    app.state.door = Door(limits, admission, observer)
    app.build_middleware_stack = lambda: Guard(  # type: ignore[method-assign]
        build(), limits, admission, observer=observer
    )


def create_app_from_settings() -> FastAPI:
    """Build the application of the environment's data directory (for a process manager)."""
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return create_app(settings.ledger_address, read_options(settings), read_issuer(settings))


def read_options(settings: Settings) -> Options:
    """Return how the service answers by the settings."""
    return Options(
        settings.data_dir,
        settings.stale_after_days,
        settings.calendar,
        settings.synthetic,
        settings.limits,
        refuse_after_days=settings.refuse_after_days,
        otel_endpoint=settings.otel_endpoint,
        reach=Reach(settings.webhooks_allow_http, settings.webhooks_allow_private),
        currency=settings.currency,
    )


def read_issuer(settings: Settings) -> Issuer | None:
    """Return the identity provider that the settings name; ``None`` if they name none."""
    if not settings.oidc_issuer:
        return None
    return Issuer(
        settings.oidc_issuer,
        settings.oidc_audience,
        settings.oidc_jwks,
        settings.oidc_groups,
        settings.oidc_groups_claim,
    )
