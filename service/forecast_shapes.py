"""The shapes of a quarter's forecast over HTTP, and how a book of the ledger fills them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BeforeValidator, Field

from ledger.books import TOTAL, Book, VintageRow
from models.forecast.grid import LEVELS
from models.forecast.nodes import DIMENSIONS
from service.accuracy_shapes import Accuracy
from service.shapes import ApiModel, Fresh

Definition = Literal["bookings", "renewals", "revenue", "ending_arr", "orders"]
Dimension = Literal["segment", "region", "team", "owner", "product"]
Source = Literal["live", "backtest"]
INTERVALS = (0.5, 0.8, 0.95)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _check_day(value: Any) -> Any:
    """Take YYYY-MM-DD only: pydantic alone also takes ``1324`` as seconds since 1970."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("a day such as 2011-12-10 is expected")
    return value


Day = Annotated[date, BeforeValidator(_check_day)]
DefinitionQuery = Annotated[
    Definition | None,
    Query(
        description=(
            "Which target: new business and expansion won (bookings), terms renewed (renewals), "
            "recurring revenue recognised (revenue), annual recurring revenue at the end "
            "(ending_arr), net revenue of orders (orders). Without it the first that was forecast "
            "among bookings, revenue, orders, renewals, ending_arr; the answer says which"
        )
    ),
]
EachQuery = Annotated[
    Definition | None, Query(description="Only of this target; without it of each")
]
AsOfQuery = Annotated[
    Day | None,
    Query(
        description="The newest forecast made as of this day or before; default: the newest",
        examples=["2011-12-10"],
    ),
]


class Interval(ApiModel):
    """The central interval that is meant to hold the outcome with a probability."""

    level: float = Field(description="0.5, 0.8 or 0.95", examples=[0.8])
    low_minor: float = Field(examples=[21500000.0])
    high_minor: float = Field(examples=[28900000.0])


class Distribution(ApiModel):
    """What the quarter may bring, minor units: quantiles, intervals and mean."""

    p10_minor: float = Field(examples=[21500000.0])
    p50_minor: float = Field(description="The headline; medians do not add up")
    p90_minor: float = Field(examples=[28900000.0])
    mean_minor: float = Field(description="Means of a dimension add up to the total's")
    intervals: list[Interval] = Field(
        description="Of 50, 80 and 95 %; only 80 % of forecasts made before quantiles were kept"
    )


class Leg(Distribution):
    """One method's answer for a node."""

    leg: str = Field(examples=["conversion"])
    served: bool = Field(description="Whether it is the product's answer")


class Chance(ApiModel):
    """The chance to reach a target."""

    target_id: str = Field(examples=["T0001"])
    target_minor: float = Field(examples=[26000000.0])
    p_hit: float = Field(ge=0, le=1, description="P(the quarter reaches it)", examples=[0.62])


class Node(Distribution):
    """The served answer of the total or of one node."""

    node: str = Field(description="total, or <dimension>=<name>", examples=["segment=smb"])
    name: str | None = Field(description="Name within its dimension; null for the total")
    leg: str = Field(description="The leg that is served", examples=["combined"])
    to_date_minor: float | None = Field(description="What is in already; null if not known")
    parts: dict[str, float] = Field(
        description="Addends of the mean, minor units", examples=[{"closed": 6.1e6, "open": 9e6}]
    )
    chances: list[Chance] = Field(description="Of the node's targets; empty without any")
    legs: list[Leg] = Field(
        description="With legs=true every leg that speaks of the node; else the served one"
    )


class Told(ApiModel):
    """A definition and what it covers."""

    definition: Definition = Field(examples=["revenue"])
    covers: str = Field(examples=["recurring revenue recognised in the quarter, day by day"])


class PastVintage(Distribution):
    """What the served leg would have said of this quarter from an earlier day."""

    origin: date
    week: int
    leg: str
    actual_minor: float | None = Field(description="Null until the quarter was judged")


class IssuedForecast(Distribution):
    """What was served for this quarter's total by an earlier refresh."""

    origin: date
    week: int
    leg: str
    scored_at: datetime


class ForecastRecord(ApiModel):
    """How such forecasts did: on past quarters, and what was said of this one before."""

    leg: str = Field(description="Whose record", examples=["combined"])
    source: Source = Field(description="live: what was issued; backtest: past days replayed")
    at_this_week: Accuracy | None = Field(
        description="Of past quarters at the same week; null if none was judged"
    )
    rivals_at_this_week: list[Accuracy] = Field(description="Every other leg at the same week")
    all_weeks: list[Accuracy] = Field(description="Each leg over all weeks")
    live: list[Accuracy] = Field(
        description="The leg over all weeks as issued live; empty before a quarter was judged"
    )
    vintages: list[PastVintage] = Field(description="Backtest of this same quarter")
    issued: list[IssuedForecast] = Field(description="Served before, newest first")


class ForecastAnswer(Fresh):
    """The newest forecast of one target's quarter."""

    definition: Definition = Field(description="The target it speaks of", examples=["bookings"])
    covers: str = Field(
        description="What that counts, in words; targets are never added to one another",
        examples=["annual value of new business and expansion deals won in the quarter"],
    )
    source: Source = Field(
        description="live: it was served; backtest: replayed later, of a quarter never served"
    )
    others: list[Told] = Field(description="Other definitions forecast for this quarter")
    period: str = Field(examples=["2012Q1"])
    starts_on: date
    ends_before: date = Field(description="First day after the quarter")
    status: Literal["ahead", "running", "over"] = Field(
        description=(
            "Where the quarter lies, seen from the newest forecast (or from as_of, if given). Of "
            "one that is over the last forecast is shown, and the actual once it was judged"
        )
    )
    actual_minor: float | None = Field(
        description="What the quarter brought; null until it is over and was judged"
    )
    origin: date = Field(description="The day the forecast was made as of")
    week: int = Field(description="Week of the quarter at the origin, 0-based; negative: before")
    currency: str = Field(examples=["GBP"])
    by: Dimension | None = Field(description="Dimension of nodes; null if it has none")
    dimensions: list[Dimension] = Field(description="What can be asked for as by")
    total: Node | None = Field(description="The whole company; null for a key with a book")
    nodes: list[Node] = Field(
        description="Nodes of the dimension, which add up to the total; those of the key's book"
    )
    weights: dict[str, float] = Field(
        description="Shares of the legs in the combination, at the total",
        examples=[{"simulation": 0.7, "conversion": 0.3}],
    )
    verdict: str = Field(
        description=(
            "Why this leg is served; begins with `use the simple one` where a plain rule was "
            "better so far, in all and in most quarters"
        )
    )
    judged_quarters: int = Field(
        ge=0, description="Past quarters behind weights, widths and verdict: the effective n"
    )
    notes: dict[str, Any] = Field(
        description="Facts beside the numbers: shocks, concentration, how far widths were stretched"
    )
    track_record: ForecastRecord | None = Field(
        description="How such totals did before; null for a key with a book"
    )


def describe_row(row: VintageRow) -> dict[str, Any]:
    """Return the fields of `Distribution`."""
    names = ("p10_minor", "p50_minor", "p90_minor", "mean_minor")
    return {**{name: getattr(row, name) for name in names}, "intervals": _intervals(row)}


def describe_node(book: Book, node: str, *, legs: bool) -> dict[str, Any]:
    """Return the fields of `Node`; without a served leg (a fault of the writer) the first speaks.

    Parameters
    ----------
    legs
        Every leg instead of the served one.
    """
    rows = [row for row in book.rows if row.node == node]
    served = next((row for row in rows if row.served), rows[0])
    return {
        **describe_row(served),
        "node": node,
        "name": None if node == TOTAL else node.partition("=")[2],
        "leg": served.leg,
        "to_date_minor": served.to_date_minor,
        "parts": served.parts or {},
        "chances": [
            {"target_id": one.target_id, "target_minor": one.target_minor, "p_hit": one.p_hit}
            for one in book.chances
            if one.node == node
        ],
        "legs": [
            {**describe_row(row), "leg": row.leg, "served": row.served}
            for row in rows
            if legs or row is served
        ],
    }


def nodes_of(book: Book, dimension: str | None) -> list[str]:
    """Return the names of a dimension's nodes in a book, in its order."""
    every = dict.fromkeys(row.node for row in book.rows)
    return [node for node in every if node.partition("=")[0] == dimension and node != TOTAL]


def dimensions_of(rows: Iterable[VintageRow]) -> list[str]:
    """Return the dimensions in which rows speak of nodes, in the order of ``DIMENSIONS``."""
    found = {row.node.partition("=")[0] for row in rows}
    return [one for one in DIMENSIONS if one in found]


def _intervals(row: VintageRow) -> list[dict[str, float]]:
    if row.quantiles is None:
        return [{"level": 0.8, "low_minor": row.p10_minor, "high_minor": row.p90_minor}]
    at = dict(zip(LEVELS, row.quantiles, strict=True))
    return [
        {
            "level": level,
            "low_minor": float(at[round((1 - level) / 2, 3)]),
            "high_minor": float(at[round((1 + level) / 2, 3)]),
        }
        for level in INTERVALS
    ]
