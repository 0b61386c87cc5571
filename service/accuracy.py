"""How right past forecasts were: by week of the quarter and by leg, against the naive rules."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ledger.backtests import BacktestRow, read_accuracy, read_backtests, read_duels
from ledger.engine import Ledger
from ledger.runs import read_current_run
from lifecycle.errors import NoForecastError
from service.auth import ScopedRoute, needs
from service.deps import ServiceHere
from service.forecasts import NAIVE_LEGS, TOTAL, Accuracy, PastVintage, describe_accuracy
from service.problems import Problem
from service.shapes import PERIOD_PATTERN, TEXT_PATTERN, ApiModel, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["accuracy"])


class DuelAnswer(ApiModel):
    """A leg against a naive rule, period by period."""

    leg: str = Field(examples=["combined"])
    rival: str = Field(examples=["seasonal_naive"])
    node: str = Field(examples=["total"])
    n: int = Field(description="Quarters compared: the honest sample size")
    wins: int = Field(description="Quarters in which the leg was nearer")
    wape_ratio: float | None = Field(description="Below 1: the leg was nearer over all")


class AccuracyAnswer(Fresh):
    """The current backtest, summarised."""

    node: str = Field(examples=["total"])
    nodes: list[str] = Field(description="What can be asked for as node")
    by_week: list[Accuracy]
    all_weeks: list[Accuracy]
    duels: list[DuelAnswer] = Field(description="Each leg against the naive rules")
    vintages: list[PastVintage] = Field(description="Of the period asked for; else empty")

    def of_leg(self, leg: str | None) -> AccuracyAnswer:
        """Keep only one leg's rows; ``None`` keeps all."""
        if leg is None:
            return self
        names = ("by_week", "all_weeks", "duels", "vintages")
        kept = {name: [row for row in getattr(self, name) if row.leg == leg] for name in names}
        return self.model_copy(update=kept)


@router.get(
    "/v1/accuracy",
    operation_id="readAccuracy",
    openapi_extra=needs("backtest:read"),
)
def show_accuracy(
    service: ServiceHere,
    node: Annotated[
        str, Query(pattern=TEXT_PATTERN, description="total, or segment=<name>")
    ] = TOTAL,
    *,
    leg: Annotated[
        str | None, Query(pattern=r"^[a-z0-9_]{1,64}$", description="Only this leg")
    ] = None,
    period: Annotated[
        str | None, Query(pattern=PERIOD_PATTERN, description="Also show its vintages")
    ] = None,
) -> AccuracyAnswer:
    """Show accuracy by week and leg from the current backtest, with n beside every share.

    Weeks of one quarter are not independent: ``periods_count`` is the honest sample size.
    """
    ledger = service.ledger
    run = read_current_run(ledger, "backtest")
    if run is None:
        raise NoForecastError(
            "no backtest was published yet", "at least one run", "run `truecast backtest`"
        )
    every = read_accuracy(ledger, node=None, by_week=False)
    nodes = sorted({row.node for row in every})
    if node not in nodes:
        detail = f"the backtest has no such node; expected one of {', '.join(nodes)}"
        raise Problem(404, "unknown-node", detail[:600])
    legs = sorted({row.leg for row in every if row.node == node})
    if leg not in {None, *legs}:
        detail = f"the backtest has no such leg of that node; expected one of {', '.join(legs)}"
        raise Problem(404, "unknown-leg", detail[:600])
    return AccuracyAnswer.model_validate(
        {
            **service.freshness(run, f"backtest@{run.run_id}"),
            "node": node,
            "nodes": nodes,
            "all_weeks": [describe_accuracy(row) for row in every if row.node == node],
            **_details(ledger, node, period),
        }
    ).of_leg(leg)


def _details(ledger: Ledger, node: str, period: str | None) -> dict[str, object]:
    vintages = [] if period is None else read_backtests(ledger, period)
    duels = [one for rival in NAIVE_LEGS for one in read_duels(ledger, rival=rival, node=node)]
    return {
        "by_week": [describe_accuracy(row) for row in read_accuracy(ledger, node=node)],
        "duels": [asdict(one) for one in duels],
        "vintages": [_vintage(row) for row in vintages if row.node == node],
    }


def _vintage(row: BacktestRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in PastVintage.model_fields}
