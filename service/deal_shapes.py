"""How a deal is written: the shapes that the list, the single deal and the stored scores share."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path
from pydantic import Field

from ledger.deals import DealRow
from ledger.runs import Run
from service.shapes import ID_PATTERN, AccountId, ApiModel, Fresh, Reason

CHANCE_DAYS = (30, 60, 90, 180)
FARTHEST_DAYS = 36_500  # a calendar ends
_QUANTILES = ("p10", "p50", "p90")

DealId = Annotated[str, Field(pattern=ID_PATTERN, examples=["O0000412"])]
DealIdPath = Annotated[
    str, Path(pattern=ID_PATTERN, description="Deal (opportunity) id", examples=["O0000412"])
]


class Chances(ApiModel):
    """What is expected of one deal."""

    p_win: float = Field(
        ge=0,
        le=1,
        description=(
            "The headline, by which the list is ranked: p_win_quarter, or p_win_eventual where the "
            "deals have no history and the quarter cannot be answered"
        ),
        examples=[0.42],
    )
    p_win_quarter: float | None = Field(
        description="Probability of being won in the running quarter, after as_of", examples=[0.42]
    )
    p_win_eventual: float | None = Field(
        description="Probability of being won at all", examples=[0.55]
    )
    p_slip: float | None = Field(
        description=(
            "Probability of not being won by close_on, 1 once that has passed; null without an "
            "expected close or history"
        ),
        examples=[0.61],
    )
    expected_amount_minor: int | None = Field(
        description="Amount expected if it is won, whole minor units: late discounts are learned",
        examples=[910_000],
    )
    expected_in_quarter_minor: int | None = Field(
        description="p_win_quarter x expected_amount_minor", examples=[382_200]
    )
    currency: str | None = Field(description="ISO 4217 of its amounts", examples=["GBP"])
    rank: int = Field(ge=1, description="1 is the largest p_win of its run")
    band: str = Field(description="Of p_win: high from 0.5, medium from 0.2", examples=["medium"])
    reasons: list[Reason]


class OpenDeal(Chances):
    """One open deal as it stood, and what is expected of it."""

    opportunity_id: DealId
    account_id: AccountId | None
    account_name: str | None
    owner_id: str | None
    team: str | None
    region: str | None = Field(description="Region of its owner", examples=["emea"])
    segment: str | None
    kind: str | None = Field(examples=["new_business"])
    stage: str | None = Field(description="Our name of it, stable over renames")
    category: str | None = Field(description="Forecast category", examples=["commit"])
    amount_minor: int | None = Field(description="Its amount as entered, whole minor units")
    close_on: date | None = Field(description="Expected close as entered", examples=["2012-01-31"])
    next_step_on: date | None
    age_days: int | None = Field(description="Days since it was created")
    stage_age_days: int | None = Field(description="Days in its stage")
    push_count: int | None = Field(description="Times its close date was moved to later")
    silence_days: int | None = Field(description="Days since the last activity; null if none")
    stalled: bool = Field(
        description=(
            "In its stage longer than nine of ten won deals were, or, where activities are on "
            "record, 28 days without one"
        )
    )
    stalled_days: int | None = Field(description="Days without progress; null if it moves")


class Span(Fresh):
    """The quarter that ``p_win_quarter`` speaks of; null where the deals have no history."""

    quarter_start_on: date | None = Field(examples=["2011-10-01"])
    quarter_ends_before: date | None = Field(examples=["2012-01-01"])


class DealsAnswer(Span):
    """One page of the list; follow ``next_cursor`` until it is null."""

    deals: list[OpenDeal]
    next_cursor: str | None = Field(
        description="Give it back as cursor to read on; null at the end"
    )


class Close(ApiModel):
    """When it is won, given that it is: one in ten by p10_on, half by p50_on."""

    p10_on: date | None
    p50_on: date | None
    p90_on: date | None


class Evidence(ApiModel):
    """What became of past deals like this one."""

    text: str = Field(examples=["deals pushed twice: 18% won in the end, n = 214"])
    share: float = Field(ge=0, le=1, description="Share of them that was won", examples=[0.18])
    n: int = Field(ge=0, description="How many deals that is", examples=[214])


class Move(ApiModel):
    """One dated change of a deal."""

    at: datetime = Field(description="When it was changed (UTC)")
    field: str = Field(description="stage, close_on or amount_minor", examples=["close_on"])
    before: str | int | None = Field(examples=["2011-12-01"])
    after: str | int | None = Field(examples=["2012-01-15"])


class PastDealScore(Fresh):
    """What was said of the deal on an earlier day."""

    p_win: float = Field(ge=0, le=1)
    p_win_quarter: float | None
    p_win_eventual: float | None
    p_slip: float | None
    rank: int = Field(ge=1)
    band: str
    stage: str | None
    amount_minor: int | None
    close_on: date | None
    expected_in_quarter_minor: int | None


class DealAnswer(Span, OpenDeal):
    """Everything said of one deal."""

    current: bool = Field(description="Whether it is in the newest list: still open then")
    chances: dict[str, float | None] = Field(
        description="Probability of being won within so many days",
        examples=[{"30": 0.21, "60": 0.33, "90": 0.38, "180": 0.47}],
    )
    close: Close
    evidence: list[Evidence] = Field(description="Base rates of past deals that were like it")
    detail: dict[str, Any] = Field(description="What else the model says, by the model's own names")
    history: list[Move] = Field(description="Moves of stage, close date and amount, oldest first")
    scores: list[PastDealScore] = Field(description="Said before, newest first, never rewritten")


def describe_deal(row: DealRow) -> dict[str, Any]:
    """Return the members of `OpenDeal`."""
    return {name: getattr(row, name) for name in OpenDeal.model_fields}


def describe_span(run: Run) -> dict[str, Any]:
    """Return the days of the quarter that a run of deals spoke of."""
    return {name: run.note.get(name) for name in ("quarter_start_on", "quarter_ends_before")}


def split_detail(row: DealRow, as_of: date) -> dict[str, Any]:
    """Return chances by days, the days of the close, the evidence, and what else was said."""
    said = dict(row.detail or {})
    chances = {str(days): said.pop(f"p_win_{days}d", None) for days in CHANCE_DAYS}
    close = {f"{name}_on": _day(said, f"close_{name}_days", as_of) for name in _QUANTILES}
    evidence = said.pop("evidence", None) or []
    # the columns of the list hold these already
    rest = {name: value for name, value in said.items() if name not in OpenDeal.model_fields}
    return {"chances": chances, "close": close, "evidence": evidence, "detail": rest}


def _day(said: dict[str, Any], name: str, as_of: date) -> date | None:
    days: float | None = said.pop(name, None)
    return None if days is None or days > FARTHEST_DAYS else as_of + timedelta(days=round(days))
