"""Open deals: the chance to win, by when and for how much, and which slip or stand still."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from ledger.deals import DEAL_WIN, DealFilters, DealPage, DealPosition, DealSort, read_deals
from ledger.issued_deals import IssuedDeal, read_deal
from ledger.runs import read_current_run
from lifecycle.errors import NoScoresError
from lifecycle.periods import FiscalCalendar, Quarter
from service.auth import ScopedRoute, find_caller, needs
from service.callers import Principal, withhold
from service.deal_shapes import (
    DealAnswer,
    DealIdPath,
    DealsAnswer,
    describe_deal,
    describe_span,
    split_detail,
)
from service.deps import Service, ServiceHere
from service.paging import Question, open_cursor, seal_cursor
from service.problems import Problem
from service.shapes import ID_PATTERN, PERIOD_PATTERN, TEXT_PATTERN, Flag, PageSize

router = APIRouter(route_class=ScopedRoute, tags=["deals"])

Text = Annotated[str | None, Query(pattern=TEXT_PATTERN)]


class Filters:
    """The list's filters, as query parameters."""

    def __init__(
        self,
        owner_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
        team: Text = None,
        segment: Text = None,
        kind: Annotated[
            Literal["new_business", "expansion"] | None,
            Query(description="A deal that names no kind counts as new business"),
        ] = None,
        quarter: Annotated[
            str | None,
            Query(
                pattern=PERIOD_PATTERN,
                description="Fiscal quarter in which the expected close lies, such as 2012Q1",
            ),
        ] = None,
        currency: Annotated[str | None, Query(pattern=r"^[A-Z]{3}$")] = None,
        stalled: Annotated[
            Flag | None, Query(description="Only deals that stand still, or only those that move")
        ] = None,
        account_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    ) -> None:
        self.quarter = quarter
        self.wanted = DealFilters(owner_id, team, segment, kind, currency, stalled, account_id)

    def within(self, calendar: FiscalCalendar) -> DealFilters:
        """Return the filters with the quarter as days; they follow ``calendar``."""
        if self.quarter is None:
            return self.wanted
        span = Quarter.parse(self.quarter, calendar)
        days: dict[str, date] = {"close_from": span.start, "close_before": span.end}
        return DealFilters(**{**vars(self.wanted), **days})


@router.get("/v1/deals", operation_id="listDeals", openapi_extra=needs("deals:read", rows="book"))
def list_deals(
    request: Request,
    service: ServiceHere,
    filters: Annotated[Filters, Depends()],
    *,
    sort: Annotated[
        DealSort,
        Query(
            description=(
                "Order, from the largest down: win (the headline chance), slip (the risk to miss "
                "the expected close: deals whose date lies ahead first, then the overdue ones, "
                "which have missed it, by their chance), stalled (days without progress), amount. "
                "Amounts of several currencies are not converted: give currency too"
            )
        ),
    ] = DealSort.win,
    limit: Annotated[PageSize, Query(description="Deals per page")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=1_000, description="next_cursor of the page before")
    ] = None,
) -> DealsAnswer:
    """List the open deals as they were scored last; renewals are not among them.

    A cursor keeps to the list as it was when its first page was read, even when a refresh happens
    meanwhile. A deal without the value that orders the list stands behind all others.
    """
    caller, wanted = find_caller(request), filters.within(service.options.calendar)
    question = Question(caller.key_id, "/v1/deals", {**asdict(wanted), "sort": sort.value})
    wanted = replace(wanted, book=caller.book)
    position = None if cursor is None else _position(open_cursor(service.pepper, question, cursor))
    page = read_deals(service.ledger, wanted, sort=sort, cursor=position, limit=limit)
    if page is None:
        raise no_deals_yet()
    return _answer(service, question, page, caller)


@router.get(
    "/v1/deals/{opportunity_id}",
    operation_id="readDeal",
    openapi_extra=needs("deals:read", rows="book"),
)
def show_deal(request: Request, opportunity_id: DealIdPath, service: ServiceHere) -> DealAnswer:
    """Show one deal: chances with reasons and evidence, its moves, and what was said before.

    A deal that has closed since shows the last day on which it was open, ``current`` false.
    """
    caller = find_caller(request)
    issued = read_deal(service.ledger, opportunity_id, caller.book)
    if not issued:
        if read_current_run(service.ledger, "deals") is None:
            raise no_deals_yet()
        raise Problem(
            404,
            "unknown-deal",
            "no score was ever published for this deal; expected an id that /v1/deals lists "
            "(renewals, and deals that were created closed, are not scored); to do: correct the "
            "id, or ingest the deal and run `truecast refresh`",
        )
    newest, *earlier = issued
    told = {
        **_freshness(service, newest),
        **describe_span(newest.run),
        **describe_deal(newest.row),
        **split_detail(newest.row, newest.run.as_of),
        "current": newest.current,
        "history": newest.row.history or [],
        "scores": [withhold(caller, _past(service, one)) for one in earlier],
    }
    return DealAnswer.model_validate(withhold(caller, told))


def no_deals_yet() -> NoScoresError:
    """Return the refusal of a question about deals before the first run that scored some."""
    return NoScoresError(
        "no deals were scored yet",
        "at least one run with open deals",
        "run `truecast train deal_win`, then `truecast refresh`",
    )


def _answer(service: Service, question: Question, page: DealPage, caller: Principal) -> DealsAnswer:
    following = None
    if page.following is not None:
        place = [page.following.run_id, page.following.value, page.following.opportunity_id]
        following = seal_cursor(service.pepper, question, place)
    version = service.spoken(page.run.run_id).version(DEAL_WIN)
    return DealsAnswer.model_validate(
        {
            **service.freshness(page.run, version),
            **describe_span(page.run),
            "deals": [withhold(caller, describe_deal(row)) for row in page.rows],
            "next_cursor": following,
        }
    )


def _past(service: Service, one: IssuedDeal) -> dict[str, object]:
    names = ("p_win", "p_win_quarter", "p_win_eventual", "p_slip", "rank", "band", "stage")
    money = ("amount_minor", "expected_in_quarter_minor", "close_on")
    return {
        **_freshness(service, one),
        **{name: getattr(one.row, name) for name in (*names, *money)},
    }


def _freshness(service: Service, one: IssuedDeal) -> dict[str, object]:
    return service.freshness(one.run, one.model_version)


def _position(place: list[object]) -> DealPosition:
    run_id, value, opportunity_id = place
    if not isinstance(run_id, int) or not isinstance(value, int | float):
        raise Problem(400, "bad-cursor", "the cursor cannot be used; begin again without it")
    return DealPosition(run_id, value, str(opportunity_id))
