"""How a quarter's forecast stands to its targets, and what would close the gap, as issued."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from ledger.engine import Ledger
from ledger.gaps import GapRow, read_gap
from ledger.runs import Run
from lifecycle.errors import NoForecastError
from service.auth import ScopedRoute, needs
from service.deps import ServiceHere
from service.forecast_shapes import AsOfQuery, Definition, DefinitionQuery
from service.forecasts import choose_definition, find_book
from service.shapes import Fresh, PeriodPath

router = APIRouter(route_class=ScopedRoute, tags=["forecasts"])


class GapAnswer(Fresh):
    """Attainment, pacing, coverage, levers and the cheapest plan, as the refresh computed them."""

    definition: Definition
    period: str = Field(examples=["2012Q1"])
    origin: date = Field(description="The day the forecast was made as of")
    currency: str = Field(examples=["GBP"])
    gap: dict[str, Any] = Field(
        description=(
            "By target: attained, P(hit), pacing against past quarters, pipeline coverage; levers "
            "by re-simulation with their effect on P50 and P(hit); money in minor units"
        )
    )


@router.get(
    "/v1/forecasts/{period}/gap",
    operation_id="readForecastGap",
    openapi_extra=needs("forecast:read"),
)
def show_gap(
    period: PeriodPath,
    service: ServiceHere,
    definition: DefinitionQuery = None,
    *,
    as_of: AsOfQuery = None,
) -> GapAnswer:
    """Show how a quarter stands to its targets and which levers close the gap, cheapest first."""
    chosen, _ = choose_definition(service.ledger, period, definition)
    run, row = find_gap(service.ledger, chosen, period, as_of=as_of)
    book = find_book(service.ledger, chosen, period, as_of=row.origin).book
    return GapAnswer.model_validate(
        {
            **service.freshness(run, book.model_version),
            "definition": chosen,
            "period": period,
            "origin": row.origin,
            "currency": book.currency,
            "gap": row.answer,
        }
    )


def find_gap(
    ledger: Ledger, definition: str, period: str, *, as_of: date | None = None
) -> tuple[Run, GapRow]:
    """Return the newest gap answer of a period, made as of a day or before.

    Raises
    ------
    NoForecastError
        There is none.
    """
    found = read_gap(ledger, definition, period, as_of=as_of)
    if found is None:
        raise NoForecastError(
            f"no gap of {definition} was computed for {period}",
            "a forecast with units that can be simulated again, made by `truecast refresh`",
            "run `truecast refresh`, or ask for a later day or another definition",
        )
    return found
