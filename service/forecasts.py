"""What the quarter will bring: one target at a time, in parts that add up, beside its record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from ledger.books import TOTAL
from ledger.books import Book as ForecastBook
from ledger.engine import Ledger
from ledger.issued_books import (
    StoredBook,
    read_book,
    read_forecast_periods,
    read_issued_books,
)
from ledger.runs import read_current_run
from ledger.vintage_scores import read_actuals
from ledger.visible import Book
from lifecycle.errors import NoForecastError
from lifecycle.periods import Quarter
from models.forecast.raw import TARGETS
from service.auth import ScopedRoute, find_caller, needs
from service.deps import Service, ServiceHere
from service.forecast_record import read_record
from service.forecast_shapes import (
    AsOfQuery,
    Definition,
    DefinitionQuery,
    Dimension,
    ForecastAnswer,
    Source,
    describe_node,
    dimensions_of,
    nodes_of,
)
from service.problems import Problem
from service.shapes import Flag, PeriodPath

router = APIRouter(route_class=ScopedRoute, tags=["forecasts"])
DEFAULT_ORDER: tuple[Definition, ...] = ("bookings", "revenue", "orders", "renewals", "ending_arr")
PERIODS_NAMED = 12
SERVED_FIRST: tuple[Source, ...] = ("live", "backtest")
SEGMENT = "segment"
AS_KEPT = (
    "period", "origin", "week", "currency", "weights", "verdict", "notes", "judged_quarters"
)  # fmt: skip
HIDDEN: dict[str, Any] = {
    **dict.fromkeys(("total", "track_record", "actual_minor")),
    **{"weights": {}, "notes": {}, "verdict": ""},
}
"""What speaks of the whole company, as a reader with a book is told."""


@router.get(
    "/v1/forecasts/{period}",
    operation_id="readForecast",
    openapi_extra=needs("forecast:read", rows="book"),
)
def show_forecast(
    request: Request,
    period: PeriodPath,
    service: ServiceHere,
    *,
    definition: DefinitionQuery = None,
    by: Annotated[
        Dimension | None,
        Query(description="Dimension of the nodes; default: segment, where the facts know it"),
    ] = None,
    as_of: AsOfQuery = None,
    legs: Annotated[
        Flag, Query(description="Also every leg that is not served, at every node shown")
    ] = False,
) -> ForecastAnswer:
    """Show a quarter's forecast: quantiles, intervals, parts, nodes, chances, verdict and record.

    One target an answer: ``definition`` chooses it, ``others`` says which there are. Means of nodes
    and parts add up; quantiles do not. Of a period that is over the last forecast is shown, and of
    one that was never served what the backtest says of it. A key with a book sees the nodes of its
    book alone: no total, nor what is said of the total.
    """
    mine = find_caller(request).book
    source = find_source(service.ledger, period)
    chosen, others = choose_definition(service.ledger, period, definition, source=source)
    found = find_book(service.ledger, chosen, period, as_of=as_of, source=source)
    book = narrow_book(found.book, mine)
    shown = _dimension(by, dimensions_of(book.rows))
    quarter = Quarter.parse(period, service.options.calendar)
    status = _status(service.ledger, found, quarter, as_of=as_of)
    return ForecastAnswer.model_validate(
        {
            **service.freshness(found.run, book.model_version),
            **{name: getattr(book, name) for name in AS_KEPT},
            "definition": chosen,
            "covers": TARGETS[chosen],
            "source": source,
            "others": [{"definition": one, "covers": TARGETS[one]} for one in others],
            "starts_on": quarter.start,
            "ends_before": quarter.end,
            **status,
            "by": shown,
            "dimensions": dimensions_of(book.rows),
            "nodes": [describe_node(book, node, legs=legs) for node in nodes_of(book, shown)],
            **(HIDDEN if mine else _describe_total(service, found, legs=legs, status=status)),
        }
    )


def _describe_total(
    service: Service, found: StoredBook, *, legs: bool, status: dict[str, Any]
) -> dict[str, Any]:
    calendar, run_id, over = service.options.calendar, found.run.run_id, status["status"] == "over"
    return {
        "total": describe_node(found.book, TOTAL, legs=legs),
        "track_record": read_record(service.ledger, found.book, calendar, run_id=run_id, over=over),
    }


def narrow_book(forecast: ForecastBook, book: Book | None) -> ForecastBook:
    """Return a forecast with the nodes of a reader's book alone; all of it without a book."""
    if book is None:
        return forecast
    rows = [row for row in forecast.rows if book.has_node(row.node)]
    chances = [one for one in forecast.chances if book.has_node(one.node)]
    return replace(forecast, rows=rows, chances=chances)


def find_source(ledger: Ledger, period: str) -> Source:
    """Return where a period's forecasts are: served ones come before those of a backtest."""
    for source in SERVED_FIRST:
        periods = [read_forecast_periods(ledger, one, source=source) for one in DEFAULT_ORDER]
        if any(period in known for known in periods):
            return source
    return SERVED_FIRST[0]


def choose_definition(
    ledger: Ledger, period: str, wanted: Definition | None, *, source: Source = "live"
) -> tuple[Definition, list[Definition]]:
    """Return the target to speak of, and the others that were forecast for a period.

    Raises
    ------
    NoForecastError
        The one that is wanted, or any, was never published for the period.
    """
    periods = {one: read_forecast_periods(ledger, one, source=source) for one in DEFAULT_ORDER}
    found = [one for one in DEFAULT_ORDER if period in periods[one]]
    if not found:
        every = sorted({name for names in periods.values() for name in names}, reverse=True)
        raise NoForecastError(
            f"no forecast was published for {period}",
            f"one of {', '.join(every[:PERIODS_NAMED])}" if every else "at least one published run",
            "ask for one of these" if every else "run `truecast refresh`",
        )
    chosen = wanted or found[0]
    if chosen not in found:
        raise NoForecastError(
            f"no forecast of {chosen} was published for {period}",
            f"one of {', '.join(found)}",
            "ask for one of these definitions",
        )
    return chosen, [one for one in found if one != chosen]


def find_book(
    ledger: Ledger,
    definition: str,
    period: str,
    *,
    as_of: date | None = None,
    source: Source = "live",
) -> StoredBook:
    """Return the newest forecast of a period, made as of a day or before.

    Raises
    ------
    NoForecastError
        The first one was made later.
    """
    found = read_book(ledger, definition, period, as_of=as_of, source=source)
    if found is None:
        first = read_issued_books(ledger, definition, period, source=source)[-1].book.origin
        raise NoForecastError(
            f"no forecast of {definition} was made for {period} as of {as_of} or before",
            f"{first} or later",
            "ask for a later day",
        )
    return found


def _dimension(wanted: Dimension | None, known: list[str]) -> str | None:
    if wanted is None:
        return SEGMENT if SEGMENT in known else next(iter(known), None)
    if wanted not in known:
        expected = f"one of {', '.join(known)}" if known else "none: only the total is told"
        detail = f"the forecast has no nodes of that dimension; expected {expected}"
        raise Problem(404, "unknown-dimension", detail)
    return wanted


def _status(
    ledger: Ledger, found: StoredBook, quarter: Quarter, *, as_of: date | None
) -> dict[str, Any]:
    """Return status and actual_minor: where a quarter lies from a day, and what it brought.

    The day is that of the newest forecast, not today: what ended since may lack its last facts.
    """
    newest = read_current_run(ledger, "forecast") or found.run
    day = as_of or max(newest.as_of, found.run.as_of)
    if day < quarter.start:
        return {"status": "ahead", "actual_minor": None}
    if day < quarter.end:
        return {"status": "running", "actual_minor": None}
    known = {one.period: one.actual_minor for one in read_actuals(ledger, found.book.target)}
    return {"status": "over", "actual_minor": known.get(str(quarter))}
