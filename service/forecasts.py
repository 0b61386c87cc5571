"""What a quarter's orders will bring, in parts that add up, beside how such forecasts did."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from ledger.backtests import AccuracyRow, read_accuracy, read_backtests
from ledger.engine import Ledger
from ledger.forecasts import ForecastRow, StoredForecast, read_forecast, read_issued, read_periods
from lifecycle.errors import NoForecastError
from lifecycle.periods import Quarter
from service.auth import ScopedRoute, needs
from service.deps import Service, ServiceHere
from service.shapes import ApiModel, Fresh, PeriodPath

router = APIRouter(route_class=ScopedRoute, tags=["forecasts"])
TOTAL = "total"
SEGMENT_PREFIX = "segment="
NAIVE_LEGS = ("seasonal_naive", "last_quarter")


class Distribution(ApiModel):
    """Revenue of orders of the period in minor units: quantiles and mean."""

    p10_minor: float = Field(examples=[21500000.0])
    p50_minor: float = Field(examples=[24800000.0])
    p90_minor: float = Field(examples=[28900000.0])
    mean_minor: float = Field(examples=[25000000.0])


class Leg(Distribution):
    """One method's answer for a node."""

    leg: str = Field(examples=["seasonal_naive"])
    served: bool = Field(description="Whether it is the product's answer")


class Node(Distribution):
    """The served answer of the total or of one segment, and all legs behind it."""

    node: str = Field(description="total, or segment=<name>", examples=["total"])
    segment: str | None = Field(description="Name of the segment; null for the total")
    served_leg: str = Field(examples=["combined"])
    parts: dict[str, float] = Field(
        description="Addends of the served mean, minor units", examples=[{"to_date": 6.1e6}]
    )
    actual_to_date_minor: float | None = Field(description="Already known revenue, minor units")
    method: dict[str, Any] = Field(description="Verdict and weights of the served leg")
    legs: list[Leg]


class Accuracy(ApiModel):
    """How right a leg was at a week of past quarters; read every share beside its n."""

    week: int | None = Field(description="Week of the quarter, 0-based; null = all weeks")
    leg: str = Field(examples=["combined"])
    node: str = Field(examples=["total"])
    n: int = Field(ge=1, description="Scored vintages")
    periods_count: int = Field(ge=1, description="Distinct quarters: the honest sample size")
    wape: float | None = Field(description="sum |P50 - actual| / sum |actual|")
    bias_share: float | None = Field(description="sum (P50 - actual) / sum actual")
    coverage_share: float = Field(
        ge=0, le=1, description="Share of actuals inside P10-P90; shown, not promised"
    )
    interval_score_minor: float = Field(description="Mean 80 % interval score, lower is better")
    width_minor: float = Field(description="Mean of P90 - P10")


class PastVintage(Distribution):
    """What the served leg would have said of this quarter from an earlier day."""

    origin: date
    week: int
    leg: str
    actual_minor: float | None


class IssuedForecast(Distribution):
    """What was served for this quarter's total by an earlier refresh."""

    origin: date
    week: int
    leg: str
    scored_at: datetime


class TrackRecord(ApiModel):
    """The served leg's record, on past quarters and on this one."""

    leg: str
    at_this_week: Accuracy | None = Field(
        description="Past accuracy at the same week; null if none"
    )
    naive_at_this_week: list[Accuracy] = Field(description="The naive rules at the same week")
    all_weeks: list[Accuracy] = Field(description="Each leg over all weeks")
    vintages: list[PastVintage] = Field(description="Backtest of this same quarter")
    issued: list[IssuedForecast] = Field(description="Served before, newest first")


class ForecastAnswer(Fresh):
    """The newest forecast of a quarter."""

    covers: Literal["orders"] = Field(
        description=(
            "Which revenue is meant: that of orders, with or without an account. What contracts "
            "will bring is not in it"
        ),
    )
    period: str = Field(examples=["2012Q1"])
    starts_on: date
    ends_before: date = Field(description="First day after the quarter")
    origin: date = Field(description="The day the forecast was made as of")
    week: int = Field(description="Week of the quarter at the origin, 0-based; negative: before")
    currency: str = Field(examples=["GBP"])
    total: Node
    segments: list[Node]
    track_record: TrackRecord


@router.get(
    "/v1/forecasts/{period}",
    operation_id="readForecast",
    openapi_extra=needs("forecast:read"),
)
def show_forecast(period: PeriodPath, service: ServiceHere) -> ForecastAnswer:
    """Show a quarter's revenue of orders: quantiles, parts, segments, all legs, track record."""
    found = read_forecast(service.ledger, period)
    nodes = {} if found is None else _group(found.rows)
    if found is None or TOTAL not in nodes:
        raise _nothing_for(service.ledger, period)
    first = nodes[TOTAL][0]
    quarter = Quarter.parse(period, service.options.calendar)
    total = _node(nodes.pop(TOTAL))
    return ForecastAnswer.model_validate(
        {
            **service.freshness(found.run, _version(found, total["served_leg"])),
            "covers": "orders",
            "period": period,
            "starts_on": quarter.start,
            "ends_before": quarter.end,
            "origin": first.origin,
            "week": first.week,
            "currency": first.currency,
            "total": total,
            "segments": [_node(rows) for rows in nodes.values()],
            "track_record": _track_record(service, period, total["served_leg"], first.week),
        }
    )


def describe_accuracy(row: AccuracyRow) -> dict[str, Any]:
    """Return the fields of `Accuracy`."""
    return asdict(row)


def _nothing_for(ledger: Ledger, period: str) -> NoForecastError:
    periods = read_periods(ledger)
    return NoForecastError(
        f"no forecast was published for {period}",
        f"one of {', '.join(periods[:12])}" if periods else "at least one published run",
        "ask for one of these" if periods else "run `truecast refresh`",
    )


def _version(found: StoredForecast, leg: str) -> str:
    return f"{leg}@{found.run.run_id}"


def _group(rows: list[ForecastRow]) -> dict[str, list[ForecastRow]]:
    nodes: dict[str, list[ForecastRow]] = {}
    for row in rows:
        nodes.setdefault(row.node, []).append(row)
    return nodes


def _node(rows: list[ForecastRow]) -> dict[str, Any]:
    """Describe a node; without a served leg (a fault of the writer) the first one speaks."""
    served = next((row for row in rows if row.served), rows[0])
    name = served.node.removeprefix(SEGMENT_PREFIX)
    return {
        **_distribution(served),
        "node": served.node,
        "segment": None if served.node == TOTAL else name,
        "served_leg": served.leg,
        "parts": served.parts or {},
        "actual_to_date_minor": served.actual_to_date_minor,
        "method": served.method,
        "legs": [{**_distribution(row), "leg": row.leg, "served": row.served} for row in rows],
    }


def _distribution(row: Any) -> dict[str, float]:
    names = ("p10_minor", "p50_minor", "p90_minor", "mean_minor")
    return {name: getattr(row, name) for name in names}


def _track_record(service: Service, period: str, leg: str, week: int) -> dict[str, Any]:
    ledger = service.ledger
    same_week = [row for row in read_accuracy(ledger) if row.week == week]
    vintages = [row for row in read_backtests(ledger, period) if row.node == TOTAL]
    return {
        "leg": leg,
        "at_this_week": next((describe_accuracy(r) for r in same_week if r.leg == leg), None),
        "naive_at_this_week": [describe_accuracy(r) for r in same_week if r.leg in NAIVE_LEGS],
        "all_weeks": [describe_accuracy(row) for row in read_accuracy(ledger, by_week=False)],
        "vintages": [
            {
                **_distribution(row),
                "origin": row.origin,
                "week": row.week,
                "leg": row.leg,
                "actual_minor": row.actual_minor,
            }
            for row in vintages
            if row.leg == leg
        ],
        "issued": [dict(row) for row in read_issued(ledger, period)],
    }
