"""What all answers and all inputs share: strictness, freshness, and how a number is written."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ID_PATTERN = r"^[A-Za-z0-9_.:-]{1,64}$"
PERIOD_PATTERN = r"^(19|2\d)\d{2}Q[1-4]$"
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"
# printable text without control characters: a name as a person would type it
TEXT_PATTERN = r"^[^\x00-\x1f\x7f]{1,128}$"
_WHOLE = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,17}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?")


def _check_whole(value: Any) -> Any:
    """Take digits only: pydantic alone also takes ``1_000``, `` 7 `` and ``+7``."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("a whole number of at most 15 digits is expected")
    return value


def _check_decimal(value: Any) -> Any:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("a finite decimal number is expected")
    return value


def _check_flag(value: Any) -> Any:
    """Take the two words of JSON only: pydantic alone also takes ``yes``, ``on`` and ``1``."""
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("true or false is expected")
    return value


# the limits stand before the check of form, or the published schema would lose them
Flag = Annotated[bool, BeforeValidator(_check_flag)]
PageSize = Annotated[int, Field(ge=1, le=200), BeforeValidator(_check_whole)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), BeforeValidator(_check_decimal)]
Minor = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False), BeforeValidator(_check_decimal)]

AccountId = Annotated[str, Field(pattern=ID_PATTERN, examples=["12748"])]
AccountIdPath = Annotated[
    str, Path(pattern=ID_PATTERN, description="Account id", examples=["12748"])
]
PeriodPath = Annotated[
    str,
    Path(
        pattern=PERIOD_PATTERN,
        description="Fiscal quarter, named by the calendar year in which its fiscal year ends",
        examples=["2012Q1"],
    ),
]


class ApiModel(BaseModel):
    """Base of every answer: no surprise fields, finite numbers only, immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class Fresh(ApiModel):
    """How old an answer is; part of every answer."""

    as_of: date = Field(description="The day the answer stands on", examples=["2011-12-10"])
    data_as_of: datetime = Field(
        description="When its newest fact was known (UTC)", examples=["2011-12-09T12:50:00Z"]
    )
    scored_at: datetime = Field(
        description="When it was computed (UTC)", examples=["2026-11-22T03:00:00Z"]
    )
    model_version: str = Field(description="The release or method that spoke", examples=["3"])
    stale: bool = Field(
        description=(
            "Whether as_of, or the newest fact on as_of, is older than the configured limit "
            "(30 days by default)"
        )
    )
    synthetic: bool = Field(
        description="Whether the facts are made up (a world of `truecast world`), not a company's"
    )


class Reason(ApiModel):
    """One group of facts behind a score; contributions add up on the model's own scale."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    group: str = Field(examples=["recency"])
    label: str | None = Field(default=None, examples=["Days since the last order"])
    column: str | None = Field(default=None, examples=["recency_days"])
    contribution: float = Field(
        description="What the group adds to the score, on the scale of link", examples=[0.41]
    )
    contribution_unit: str | None = Field(
        default=None,
        description=(
            "Unit of contribution: log_odds (link logit), log (link log) or, with link identity, "
            "that of the score itself: minor for money, probability for a risk"
        ),
        examples=["log_odds"],
    )
    link: str | None = Field(default=None, description="logit, log or identity")
    value: float | str | None = Field(default=None, examples=[31.0])
    peer_median: float | str | None = Field(default=None, examples=[12.0])
    actionable: bool | None = Field(default=None, description="Whether somebody can act on it")
    direction: str | None = Field(default=None, description="raises or lowers the score")


def is_stale(
    as_of: date, data_as_of: datetime, *, stale_after_days: int, now: datetime | None = None
) -> bool:
    """Say whether a day lies more than so many days back, or its newest fact before that day."""
    age_days = ((now or datetime.now(UTC)).date() - as_of).days
    return max(age_days, (as_of - data_as_of.date()).days) > stale_after_days
