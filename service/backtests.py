"""Which backtests were published: past quarters forecast again with only what was known then."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from ledger.books import TOTAL
from ledger.runs import read_run
from ledger.vintages import StoredVintage, Wanted, read_vintages
from models.forecast.combine import COMBINED
from models.forecast.raw import TARGETS
from service.auth import ScopedRoute, needs
from service.deps import Service, ServiceHere
from service.forecast_shapes import Definition, EachQuery
from service.shapes import ApiModel, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["accuracy"])


class BacktestQuarter(ApiModel):
    """One past quarter of a backtest."""

    period: str = Field(examples=["2011Q4"])
    origins_count: int = Field(ge=1, description="Days it was forecast from")
    first_origin: date
    last_origin: date
    actual_minor: float | None = Field(description="What it brought; null until it was judged")


class BacktestAnswer(Fresh):
    """The newest published backtest of one target."""

    run_id: int
    definition: Definition
    covers: str
    currency: str = Field(examples=["GBP"])
    quarters_count: int = Field(ge=1)
    origins_count: int = Field(ge=1)
    quarters: list[BacktestQuarter] = Field(description="In order of time")


class BacktestsAnswer(ApiModel):
    """The published backtests, one per definition; empty before the first."""

    synthetic: bool = Field(description="Whether the facts are made up, not a company's")
    backtests: list[BacktestAnswer]


@router.get(
    "/v1/backtests",
    operation_id="listBacktests",
    openapi_extra=needs("backtest:read"),
)
def list_backtests(service: ServiceHere, definition: EachQuery = None) -> BacktestsAnswer:
    """List the published backtests: run, day, quarters and origins; without a definition all.

    A later backtest of a target replaces the one before; `/v1/accuracy` says how right it was.
    """
    wanted = TARGETS if definition is None else (definition,)
    return BacktestsAnswer.model_validate(
        {
            "synthetic": service.options.synthetic,
            "backtests": [
                _describe(service, target, found)
                for target in wanted
                for found in [_read(service, target)]
                if found
            ],
        }
    )


def _read(service: Service, target: str) -> list[StoredVintage]:
    """Return one vintage per quarter and origin: the combination speaks at each."""
    return read_vintages(service.ledger, Wanted(target, node=TOTAL, leg=COMBINED))


def _describe(service: Service, target: str, found: list[StoredVintage]) -> dict[str, Any]:
    run = read_run(service.ledger, found[0].run_id)
    periods: dict[str, list[StoredVintage]] = {}
    for one in found:
        periods.setdefault(one.period, []).append(one)
    return {
        **service.freshness(run, f"backtest@{run.run_id}"),
        "run_id": run.run_id,
        "definition": target,
        "covers": TARGETS[target],
        "currency": found[0].currency,
        "quarters_count": len(periods),
        "origins_count": len({one.origin for one in found}),
        "quarters": [
            {
                "period": period,
                "origins_count": len(rows),
                "first_origin": rows[0].origin,
                "last_origin": rows[-1].origin,
                "actual_minor": rows[0].actual_minor,
            }
            for period, rows in periods.items()
        ],
    }
