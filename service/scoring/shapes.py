"""What is sent to have rows scored, and what comes back: the published shapes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import FailFast, Field, ValidationInfo, field_validator, model_validator

from service.shapes import ID_PATTERN, ApiModel, Reason

LARGEST_ROW_COUNT = 1_000
LARGEST_JOB_ROW_COUNT = 100_000
LONGEST_HORIZON_DAYS = 3_650
LARGEST_BODY_BYTES = 5_000_000

UnitId = Annotated[str, Field(pattern=ID_PATTERN, examples=["12748"])]
Cell = float | str | None
Features = Annotated[
    dict[str, Any],
    Field(description="Feature to number, text or null", examples=[{"recency_days": 3}]),
]


class Wish(ApiModel):
    """What every question may say beside its rows."""

    horizon_days: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_HORIZON_DAYS,
        strict=True,
        description="Look-ahead in days; if left out, the shortest of each route",
    )
    route: Literal["non_contractual", "contractual", "deals"] | None = Field(
        default=None,
        description="Whose features whole rows bring; needed where several routes have a model",
    )
    reasons: bool = Field(default=False, strict=True, description="Whether to tell the reasons")


class RowAsked(ApiModel):
    """One row: its stored score, a what-if on its last feature row, or a whole feature row."""

    id: UnitId
    overrides: Features | None = None
    features: Features | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.overrides is not None and self.features is not None:
            raise ValueError("either overrides or features, not both")
        return self


class IdsAsked(Wish):
    """Stored scores by id; with overrides, a what-if on the last feature row of each."""

    ids: list[UnitId] = Field(min_length=1)
    overrides: Features | None = None


class RowsAsked(Wish):
    """Rows as objects."""

    # the first wrong row is told: telling all of a large body took seconds
    rows: Annotated[list[RowAsked], FailFast()] = Field(min_length=1)


class ColumnsAsked(Wish):
    """Rows as lists in the order of ``columns``; the answer is columnar too."""

    columns: list[str] = Field(
        min_length=1, description="id first, then features", examples=[["id", "recency_days"]]
    )
    given: Literal["features", "overrides"] = Field(
        default="features", description="Whether a list is a whole feature row, or overrides"
    )
    rows: list[list[Any]] = Field(min_length=1)


class JobAsked(Wish):
    """Many rows, to be scored by a job: all stored scores, or those of the rows that follow."""

    format: Literal["ndjson", "csv", "parquet"] = Field(description="Of the result")
    all: bool = Field(default=False, strict=True, description="All stored scores; without rows")
    given: Literal["stored", "overrides", "features"] = Field(
        default="stored", description="What a row brings: its id alone, overrides, or features"
    )
    columns: list[str] = Field(
        default=["id"], min_length=1, description="id first, then features, in the rows' order"
    )
    rows: list[list[Any]] | None = Field(
        default=None, description="At most 10,000; more as lines (application/x-ndjson)"
    )

    @field_validator("given")
    @classmethod
    def _stored_if_all(cls, given: str, told: ValidationInfo) -> str:
        if told.data.get("all") and given != "stored":
            raise ValueError("stored where all is true: the others come with rows")
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.columns[0] != "id" or len(set(self.columns)) != len(self.columns):
            raise ValueError("columns: id first, then each feature once")
        if (self.given == "stored") != (len(self.columns) == 1):
            raise ValueError("stored scores need the column id alone, the others features too")
        return self


class ReplayAsked(ApiModel):
    """Which of a unit's issued scores is computed again."""

    run_id: int | None = Field(
        default=None, ge=1, le=2**31 - 1, strict=True, description="null: the newest run"
    )
    horizon_days: int | None = Field(
        default=None, ge=0, le=LONGEST_HORIZON_DAYS, strict=True, description="null: the shortest"
    )


class RowProblem(ApiModel):
    """Why a row has no score; what was sent is not repeated."""

    where: str = Field(examples=["recency_days"])
    rule: str = Field(
        description="form, not-scored, unknown-feature, missing, type, vocabulary, cannot-say, "
        "no-model, too-old",
        examples=["type"],
    )
    expected: str = Field(examples=["a number, or null if unknown"])


class Common(ApiModel):
    """What scores of one answer have in common; a row with problems has none of it."""

    unit: str | None = Field(default=None, description="probability or minor")
    currency: str | None = Field(default=None, description="ISO 4217 for money")
    route: str | None = None
    horizon_days: int | None = None
    model_version: str | None = None
    as_of: date | None = Field(
        default=None, description="The day its features stand on; null for a whole feature row"
    )
    data_as_of: datetime | None = Field(
        default=None, description="When the newest fact behind them was known (UTC)"
    )
    scored_at: datetime | None = None
    stale: bool | None = Field(
        default=None, description="Whether features or model are older than the limit"
    )
    issued: bool | None = Field(
        default=None,
        description="true: stored, and can be replayed; false: an answer to this call alone",
    )


class Scored(Common):
    """One row's score, or its problems."""

    id: str
    value: float | None = Field(
        default=None, description="Probability 0-1, or expected money in minor units"
    )
    band: str | None = Field(default=None, examples=["high"])
    rank: int | None = Field(default=None, description="Of a stored score: 1 is the highest")
    input_digest: str | None = Field(
        default=None, description="SHA-256 of the feature row behind the score"
    )
    reasons: list[Reason] | None = None
    problems: list[RowProblem] | None = None


class AskedAnswer(ApiModel):
    """Scores in the order asked, each with its problems if it has no score."""

    model: str = Field(examples=["churn"])
    synthetic: bool
    scores: list[Scored] | None = None
    columns: list[str] | None = Field(default=None, description="Of a columnar answer")
    rows: list[list[Any]] | None = Field(
        default=None, description="Of a columnar answer: one list per row"
    )
    about: list[Common] | None = Field(
        default=None,
        description="Of a columnar answer: what its scores have in common, by their place in about",
    )


def inline(shape: type[ApiModel]) -> dict[str, Any]:
    """Return a shape's JSON schema without references, as a body read by hand is described."""
    schema = shape.model_json_schema()
    parts = schema.pop("$defs", {})

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return put(parts[value["$ref"].rpartition("/")[2]])
        return {name: put(one) for name, one in value.items()}

    made: dict[str, Any] = put(schema)
    return made
