"""What is pushed, and what a push is answered: the published shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from service.shapes import ApiModel

LARGEST_ROW_COUNT = 1_000

Cell = Annotated[Any, Field(description="Text, number, true, false or null")]


class Wish(ApiModel):
    """What a push may say beside its rows."""

    rescore: bool = Field(
        default=False,
        strict=True,
        description="Whether all accounts and deals are scored anew once the rows are in",
    )


class RowsPushed(Wish):
    """Rows as objects."""

    rows: list[dict[str, Cell]] = Field(
        min_length=1, description=f"1 to {LARGEST_ROW_COUNT:,} rows: column to value"
    )


class ColumnsPushed(Wish):
    """Rows as lists in the order of ``columns``."""

    columns: list[str] = Field(min_length=1, examples=[["order_id", "amount_minor"]])
    rows: list[list[Cell]] = Field(min_length=1)


class ColumnProblem(ApiModel):
    """Why a row was refused; what was sent is not repeated."""

    column: str = Field(examples=["amount_minor"])
    rule: str = Field(examples=["not_whole"])
    found: str = Field(description="What kind of value", examples=["a decimal number"])
    expected: str = Field(examples=["a whole number of minor units"])


class RowResult(ApiModel):
    """What became of one row."""

    accepted: bool
    problems: list[ColumnProblem] | None = Field(
        default=None, description="Of a refused row, the first five"
    )


class PushAnswer(ApiModel):
    """What became of a push: each accepted row is kept, and will be in the lake."""

    table: str = Field(examples=["orders"])
    job_id: int = Field(
        description="The job that takes the rows to the lake; they are in once it is done",
        examples=[17],
    )
    arrived_at: datetime = Field(description="Since when the rows are known (UTC)")
    sent_count: int
    accepted_count: int
    refused_count: int
    results: list[RowResult] = Field(description="One per row, in the order sent")
