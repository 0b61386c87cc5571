"""What moved a quarter's forecast between two days: exact parts, computed from what was kept."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from ledger.engine import Ledger
from ledger.forecast_inputs import read_item_origins, read_items
from ledger.issued_books import StoredBook, read_issued_books
from lifecycle.errors import NoForecastError
from models.forecast.changes import explain_change, round_parts
from models.forecast.items import unpack_items
from service.auth import ScopedRoute, needs
from service.deps import ServiceHere
from service.forecast_shapes import AsOfQuery, Day, Definition, DefinitionQuery
from service.forecasts import choose_definition
from service.shapes import ApiModel, Fresh, PeriodPath

router = APIRouter(route_class=ScopedRoute, tags=["forecasts"])
DAYS_NAMED = 8
OF_PARTS = (
    "no deals or contracts were kept of these forecasts: the parts are those of the served mean, "
    "now less then"
)
SAME = "no forecast was made in between: nothing moved"


class Mover(ApiModel):
    """A unit that moved a part."""

    unit: str = Field(description="Id of the deal, contract or pool", examples=["O0000412"])
    minor: int = Field(examples=[-1200000])


class Part(ApiModel):
    """One cause and what it added, whole minor units."""

    part: str = Field(examples=["slipped"])
    minor: int = Field(examples=[-2400000])
    meaning: str = Field(examples=["deals whose expected close left the quarter"])
    largest: list[Mover] = Field(description="Units that moved it most, the largest first")


class ChangesAnswer(Fresh):
    """Why the forecast is another one than it was; the parts sum to the difference exactly."""

    definition: Definition
    period: str = Field(examples=["2012Q1"])
    currency: str = Field(examples=["GBP"])
    since: date = Field(description="Origin of the earlier forecast")
    until: date = Field(description="Origin of the later forecast")
    before_minor: int = Field(description="Served mean at since, whole minor units")
    after_minor: int = Field(description="Served mean at until")
    difference_minor: int = Field(description="After less before; what the parts sum to")
    parts: list[Part]
    notes: list[str] = Field(description="What a reader must know to read the parts")


@router.get(
    "/v1/forecasts/{period}/changes",
    operation_id="readForecastChanges",
    openapi_extra=needs("forecast:read"),
)
def show_changes(
    period: PeriodPath,
    since: Annotated[
        Day,
        Query(
            description="Compare with the forecast that stood on this day", examples=["2011-12-03"]
        ),
    ],
    service: ServiceHere,
    definition: DefinitionQuery = None,
    *,
    as_of: AsOfQuery = None,
) -> ChangesAnswer:
    """Show what moved a quarter's served mean since a day, cause by cause.

    The forecast that stood on a day is the newest one made as of it or before.
    """
    chosen, _ = choose_definition(service.ledger, period, definition)
    told, after = tell_changes(service.ledger, chosen, period, since=since, as_of=as_of)
    return ChangesAnswer.model_validate(
        {
            **service.freshness(after.run, after.book.model_version),
            "definition": chosen,
            "period": period,
            "currency": after.book.currency,
            **told,
        }
    )


def tell_changes(
    ledger: Ledger, definition: str, period: str, *, since: date, as_of: date | None = None
) -> tuple[dict[str, Any], StoredBook]:
    """Return what moved a forecast as JSON values, and the later forecast.

    Parameters
    ----------
    since, as_of
        Days on which the two forecasts stood; ``None``: the newest.

    Raises
    ------
    NoForecastError
        None was made by one of the days; the answer names those that have one.
    """
    issued = read_issued_books(ledger, definition, period)
    after = _standing(issued, as_of)
    before = _standing(issued, since if as_of is None else min(since, as_of))
    if before.book.origin >= after.book.origin:
        return _told(after, after, {}, notes=[SAME]), after
    kept = set(read_item_origins(ledger, definition, period))
    if not kept.issuperset({before.book.origin, after.book.origin}):
        return _of_parts(before, after), after
    ends = [
        unpack_items(read_items(ledger, definition, period, origin=one.book.origin).content)
        for one in (before, after)
    ]
    return explain_change(*ends).told(), after


def _standing(issued: list[StoredBook], day: date | None) -> StoredBook:
    """Return the newest forecast as of a day or before."""
    found = next((one for one in issued if day is None or one.book.origin <= day), None)
    if found is None:
        days = list(dict.fromkeys(str(one.book.origin) for one in issued))
        raise NoForecastError(
            f"no forecast was made as of {day} or before",
            f"a day from {days[-1]} on" if days else "a forecast made by `truecast refresh`",
            f"ask for one of {', '.join(days[:DAYS_NAMED])}" if days else "run `truecast refresh`",
        )
    return found


def _of_parts(before: StoredBook, after: StoredBook) -> dict[str, Any]:
    """Compare the parts of the served means, where no units were kept."""
    then, now = (one.book.rows[0].parts or {} for one in (before, after))
    moved = {name: now.get(name, 0.0) - then.get(name, 0.0) for name in {**then, **now}}
    return _told(before, after, moved, notes=[OF_PARTS])


def _told(
    before: StoredBook, after: StoredBook, moved: dict[str, float], *, notes: list[str]
) -> dict[str, Any]:
    ends = [round(one.book.rows[0].mean_minor) for one in (before, after)]
    difference = ends[1] - ends[0]
    whole = round_parts(moved, difference) if moved else {}
    return {
        "since": before.book.origin.isoformat(),
        "until": after.book.origin.isoformat(),
        "before_minor": ends[0],
        "after_minor": ends[1],
        "difference_minor": difference,
        "parts": [
            {"part": name, "minor": minor, "meaning": f"{name}, now less then", "largest": []}
            for name, minor in whole.items()
        ],
        "notes": notes,
    }
