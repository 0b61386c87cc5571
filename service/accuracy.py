"""How right past forecasts were: by week, leg and node, and what each leg adds to plainer ones."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from ledger.accuracy import AccuracyRow, read_accuracy
from ledger.books import TOTAL, Book
from ledger.engine import Ledger
from ledger.issued_books import StoredBook, read_book, read_forecast_periods
from ledger.ladder import Ladder, read_ladder
from ledger.target_hits import read_hit_record
from ledger.vintages import SERVED, Wanted, read_vintages
from lifecycle.errors import NoForecastError
from models.forecast.raw import TARGETS
from service.accuracy_shapes import (
    Accuracy,
    DuelAnswer,
    HitAnswer,
    describe_accuracy,
    describe_hits,
    flatten_accuracy,
    write_csv,
)
from service.auth import ScopedRoute, needs
from service.deps import ServiceHere
from service.forecast_record import describe_vintage
from service.forecast_shapes import (
    Definition,
    DefinitionQuery,
    Dimension,
    PastVintage,
    Source,
    dimensions_of,
)
from service.forecasts import DEFAULT_ORDER
from service.problems import Problem
from service.shapes import PERIOD_PATTERN, TEXT_PATTERN, Fresh

router = APIRouter(route_class=ScopedRoute, tags=["accuracy"])
SOURCES: tuple[Source, ...] = ("backtest", "live")
CSV = "text/csv"


class AccuracyAnswer(Fresh):
    """The record of one target's forecasts."""

    definition: Definition
    covers: str = Field(description="What the target counts, in words")
    source: Source = Field(description="live: what was issued; backtest: past days replayed")
    node: str | None = Field(description="Whose record; null where a dimension was asked for")
    nodes: list[str] = Field(description="What can be asked for as node")
    by_week: list[Accuracy] = Field(
        description="Legs by week of the quarter, the accuracy curve; empty with by"
    )
    all_weeks: list[Accuracy] = Field(description="Legs over all weeks from 0 on")
    ladder: list[DuelAnswer] = Field(
        description="Each leg against each plainer one, of the total or the node asked for"
    )
    simple: str | None = Field(
        description="The plain rule that was nearer than what was served; null if none was"
    )
    verdict: str = Field(description="That in one sentence")
    targets: HitAnswer | None = Field(
        description="Record of the chances to reach targets; null before one's quarter has ended"
    )
    vintages: list[PastVintage] = Field(description="Of the period asked for; else empty")


class Asked:
    """What is asked for, as query parameters."""

    def __init__(
        self,
        definition: DefinitionQuery = None,
        source: Annotated[
            Source | None,
            Query(
                description=(
                    "live: forecasts as they were issued; backtest: past days replayed. Without "
                    "it the backtest, or what was issued where there is none"
                )
            ),
        ] = None,
        node: Annotated[
            str, Query(pattern=TEXT_PATTERN, description="total, or <dimension>=<name>")
        ] = TOTAL,
        by: Annotated[
            Dimension | None,
            Query(description="Every node of a dimension over all weeks, instead of one node"),
        ] = None,
        leg: Annotated[
            str | None,
            Query(
                pattern=r"^[a-z0-9_]{1,64}$",
                description="Only this leg; `served` stands for whichever was served",
            ),
        ] = None,
        period: Annotated[
            str | None, Query(pattern=PERIOD_PATTERN, description="Also show its vintages")
        ] = None,
    ) -> None:
        self.definition, self.source = definition, source
        self.node, self.by, self.leg, self.period = node, by, leg, period


@router.get(
    "/v1/accuracy",
    operation_id="readAccuracy",
    openapi_extra=needs("backtest:read"),
    response_model=AccuracyAnswer,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}},
)
def show_accuracy(
    request: Request,
    service: ServiceHere,
    asked: Annotated[Asked, Depends()],
    *,
    as_file: Annotated[
        Literal["json", "csv"] | None,
        Query(
            alias="format", description="csv, also by the header Accept: text/csv: one line a row"
        ),
    ] = None,
) -> AccuracyAnswer | Response:
    """Show how right forecasts of a target were, n beside every share, and the ladder of legs.

    Weeks of one quarter are not independent: ``periods_count`` is the honest sample size. Legs are
    compared on the origins where both spoke.
    """
    ledger = service.ledger
    definition, source, newest = find_record(ledger, asked.definition, asked.source)
    unknown = find_unknown(newest.book, node=asked.node, leg=asked.leg, by=asked.by)
    if unknown is not None:
        what, expected = unknown
        detail = f"the record has no such {what}; expected {expected}"
        raise Problem(404, f"unknown-{what}", detail[:600])
    wanted = Wanted(definition, source, node=asked.node, leg=asked.leg)
    by_week, all_weeks = read_rows(ledger, wanted, by=asked.by)
    if as_file == "csv" or (as_file is None and CSV in request.headers.get("accept", "")):
        return _write_file(wanted, [*by_week, *all_weeks])
    return AccuracyAnswer.model_validate(
        {
            **service.freshness(newest.run, f"{source}@{newest.run.run_id}"),
            "definition": definition,
            "covers": TARGETS[definition],
            "source": source,
            "node": None if asked.by else asked.node,
            "nodes": list(dict.fromkeys(row.node for row in newest.book.rows)),
            "by_week": [describe_accuracy(row) for row in by_week],
            "all_weeks": [describe_accuracy(row) for row in all_weeks],
            **_describe_ladder(ledger, wanted, asked),
            "targets": describe_hits(read_hit_record(ledger, Wanted(definition, source, None))),
            "vintages": _vintages(ledger, wanted, asked),
        }
    )


def find_record(
    ledger: Ledger, definition: Definition | None, source: Source | None
) -> tuple[Definition, Source, StoredBook]:
    """Return which target and source to speak of, and the newest book of both.

    Raises
    ------
    NoForecastError
        Nothing was published of it; the answer names what was.
    """
    found = [
        (target, one, periods[0])
        for one in SOURCES
        for target in DEFAULT_ORDER
        for periods in [read_forecast_periods(ledger, target, source=one)]
        if periods
    ]
    for target, one, period in found:
        if definition in {None, target} and source in {None, one}:
            book = read_book(ledger, target, period, source=one)
            if book is not None:
                return target, one, book
    known = ", ".join(f"{target} ({one})" for target, one, _ in found)
    raise NoForecastError(
        f"no {source or 'backtest or forecast'} of {definition or 'any target'} was published",
        f"one of {known}" if known else "at least one published run",
        "ask for one of these" if known else "run `truecast backtest`",
    )


def read_rows(
    ledger: Ledger, wanted: Wanted, *, by: str | None = None
) -> tuple[list[AccuracyRow], list[AccuracyRow]]:
    """Return accuracy by week and over all weeks; of a dimension's nodes only over all weeks."""
    if by is None:
        every = [read_accuracy(ledger, wanted, by_week=one) for one in (True, False)]
        return every[0], every[1]
    each = Wanted(wanted.target, wanted.source, node=None, leg=wanted.leg)
    found = read_accuracy(ledger, each, by_week=False)
    return [], [row for row in found if row.node.startswith(f"{by}=")]


def find_unknown(
    newest: Book, *, node: str, leg: str | None, by: str | None
) -> tuple[str, str] | None:
    """Return which word names nothing in a record, and what was expected; ``None`` if none does.

    Parameters
    ----------
    newest
        The newest book of the record: what it speaks of can be asked for.
    """
    nodes = list(dict.fromkeys(row.node for row in newest.rows))
    legs = [*sorted({row.leg for row in newest.rows}), SERVED]
    words = (
        ("dimension", by, dimensions_of(newest.rows)),
        ("node", node, nodes),
        ("leg", leg, legs),
    )
    for what, asked, known in words:
        if asked is not None and asked not in known:
            return what, f"one of {', '.join(known)}" if known else "none: only the total is told"
    return None


def _write_file(wanted: Wanted, rows: list[AccuracyRow]) -> Response:
    head = {"definition": wanted.target, "source": wanted.source}
    return Response(write_csv([{**head, **flatten_accuracy(row)} for row in rows]), media_type=CSV)


def _describe_ladder(ledger: Ledger, wanted: Wanted, asked: Asked) -> dict[str, Any]:
    node = TOTAL if asked.by else asked.node
    found: Ladder = read_ladder(ledger, Wanted(wanted.target, wanted.source, node=node))
    duels = [asdict(one) for one in found.duels if asked.leg in {None, one.leg}]
    return {"ladder": duels, "simple": found.simple, "verdict": found.verdict}


def _vintages(ledger: Ledger, wanted: Wanted, asked: Asked) -> list[dict[str, Any]]:
    if asked.period is None:
        return []
    leg = None if asked.leg == SERVED else asked.leg
    of_period = Wanted(wanted.target, wanted.source, node=asked.node, leg=leg, period=asked.period)
    rows = read_vintages(ledger, of_period)
    return [describe_vintage(one) for one in rows if asked.leg != SERVED or one.row.served]
