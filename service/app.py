"""The web application: answers from the ledger, trains nothing, unpickles nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lifecycle.settings import load_settings
from service import accounts, accuracy, at_risk, forecasts, health, models, reference, scores
from service.auth import KeyCache, check_routes
from service.deps import Options, Service
from service.guard import Guard
from service.problems import install_problems

NOUNS = (health, at_risk, accounts, scores, forecasts, accuracy, models, reference)


def create_app(ledger_address: str, options: Options) -> FastAPI:
    """Build the application; nothing is opened before the first request.

    Parameters
    ----------
    ledger_address
        SQLAlchemy URL; a ledger that is missing is looked for again at each request.
    options
        Where the pepper lies, and when an answer is stale.

    Raises
    ------
    UsageError
        A route has not declared exactly one scope.
    """
    service = Service(ledger_address, options)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="Truecast", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None
    )
    app.state.service, app.state.keys = service, KeyCache()
    for noun in NOUNS:
        app.include_router(noun.router)
    install_problems(app)
    check_routes(app)
    document = reference.build_openapi(app)
    app.openapi = lambda: document  # type: ignore[method-assign]
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: Guard(build())  # type: ignore[method-assign]
    return app


def create_app_from_settings() -> FastAPI:
    """Build the application of the environment's data directory (for a process manager)."""
    settings = load_settings()
    options = Options(
        settings.data_dir, settings.stale_after_days, settings.fiscal_year_start_month
    )
    return create_app(settings.ledger_address, options)
