"""The sales side of the world, week by week: staff, leads, deals, and what a win brings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Index
from lifecycle.world.deals_calendar import build_calendar
from lifecycle.world.deals_edits import Habits
from lifecycle.world.deals_moves import Floor
from lifecycle.world.deals_new import DEALS, EXPANSION, NEW_BUSINESS, Openings
from lifecycle.world.deals_rates import Mood, law_of
from lifecycle.world.deals_record import Record
from lifecycle.world.leads import SALES_REGION_OF, Leads
from lifecycle.world.macro import MacroPath
from lifecycle.world.pipeline_trace import PipelineTrace
from lifecycle.world.presets import YEAR_DAYS, WorldParams
from lifecycle.world.seams import Expansions, ExpansionTriggers, NewBusiness, Wins, account_name
from lifecycle.world.seeds import Streams
from lifecycle.world.sellers import Sellers
from lifecycle.world.selling_activities import SellingActivities
from lifecycle.world.spend import build_spend
from lifecycle.world.targets import build_targets

NEW_WIN_RATE = 0.187
"""Share of new-business deals that are won; says how many must be opened for the wins wanted."""

REP_SHARE = 0.2
"""Deals of new business that reps find on their own."""

OPENED_CLOSED_SHARE = 0.012
"""Deals that are entered when they are already won."""


class Pipeline:
    """All deals of a world, stepped forward by whoever holds its clock.

    Parameters
    ----------
    params
        The world.
    streams
        Random numbers by entity type; here: sellers, leads, deals, deal_edits, deal_record,
        deal_openings, selling_activities.
    """

    def __init__(self, params: WorldParams, streams: Streams) -> None:
        self._params, self._streams = params, streams
        self._calendar = build_calendar(params.start, params.weeks)
        shares = np.bincount(SALES_REGION_OF, weights=params.mix.region_shares)
        self._sellers = Sellers(params, shares, streams.rng("sellers"))
        self._weekly = params.wins_year * 7 / YEAR_DAYS / NEW_WIN_RATE
        self._leads = Leads(
            params, self._calendar, streams.rng("leads"), deals_week=(1 - REP_SHARE) * self._weekly
        )
        self._book = Book(DEALS)
        self._record = Record(self._book, streams.rng("deal_record"))
        self._habits = Habits(
            self._book, self._sellers, calendar=self._calendar, rng=streams.rng("deal_edits")
        )
        self._openings = Openings(params, self._book, streams.rng("deal_openings"))
        self._floor = Floor(
            self._book, self._record, habits=self._habits, law=law_of(params.variant),
            rng=streams.rng("deals"),
        )  # fmt: skip
        self._activities = SellingActivities(streams.rng("selling_activities"))
        self._customers: list[npt.NDArray[np.int64]] = []
        stock = self._openings.stock(self._weekly, self._sellers)
        self._enter(0, stock, np.zeros(len(stock)))

    def step(self, week: int, macro: MacroPath, triggers: ExpansionTriggers) -> Wins:
        """Live through one week.

        Parameters
        ----------
        week
            The week; weeks come in order from 0.
        macro
            Shocks; only this week's are looked at.
        triggers
            Customers who ask for more, and those who will buy no more.
        """
        calendar, floor, prospects = self._calendar, self._floor, self._openings.prospects
        new_year = week > 0 and calendar.quarter[week] // 4 > calendar.quarter[week - 1] // 4
        floor.hand_over(week, self._sellers.step(week, new_year=new_year))
        if calendar.sweep[week]:
            floor.sweep(week, prospects)
            floor.forget_closed()
        if len(triggers.closed_index):
            floor.lose_customers(week, triggers.closed_index, prospects)
            floor.forget_closed()
        floor.reopen(week, prospects, self._sellers)
        quality = floor.quality(week, self._sellers)
        self._activities.step(week, self._book, deals=floor.in_play, quality=quality)
        mood = Mood(week / calendar.weeks, calendar.push[week], macro.win[week])
        won, lost = floor.move(week, quality, mood=mood, calendar=calendar)
        floor.note_losses(lost, week, prospects)
        won = np.concatenate([won, self._create(week, macro.volume[week], triggers)])
        floor.forget_closed()
        return self._wins(np.sort(won))

    def finish(self) -> PipelineTrace:
        """Return everything that happened; called once, after the last week."""
        deals, leads = self._book.collect(), self._leads.book.collect()
        people = self._sellers.people.collect()
        return PipelineTrace(
            params=self._params,
            calendar=self._calendar,
            deals=deals,
            prospects=self._openings.prospects.collect(),
            leads=leads,
            people=people,
            owner_names=self._sellers.names(),
            posts=self._sellers.posts.collect(),
            versions=self._record.versions.collect(),
            changes=self._record.changes.collect(),
            activities=self._activities.rows.collect(),
            weeks=self._floor.truth.collect(),
            customers=np.concatenate([np.zeros(0, np.int64), *self._customers]),
            targets=build_targets(
                self._params,
                self._calendar,
                deals=deals,
                people=people,
                rng=self._streams.rng("targets"),
            ),
            spend=build_spend(
                self._params, leads=leads, people=people, rng=self._streams.rng("spend")
            ),
        )

    # inside

    def _create(self, week: int, volume: float, triggers: ExpansionTriggers) -> Index:
        """Open the week's deals; return those that were won before they were entered."""
        openings, rng = self._openings, self._streams.rng("deal_openings")
        due = self._leads.step(week, volume, self._sellers)
        mean = REP_SHARE * self._weekly * np.exp(self._calendar.season[week] + volume)
        count = rng.poisson(mean * self._sellers.capacity(week))
        new = np.concatenate(
            [
                openings.from_leads(week, self._leads, due, self._sellers),
                openings.from_reps(week, int(count), self._sellers),
                openings.from_triggers(week, triggers, self._sellers),
            ]
        )
        created = self._book["created"][new]
        self._enter(week, new, created)
        at_once = new[rng.random(len(new)) < OPENED_CLOSED_SHARE]
        self._floor.close_at_once(at_once, self._book["created"][at_once] + 1 / 24)
        return at_once

    def _enter(self, week: int, deals: Index, known: npt.NDArray[np.float64]) -> None:
        self._habits.first_look(deals, week, np.maximum(known, self._book["created"][deals]))
        self._record.created(deals, known)
        self._floor.in_play = np.concatenate([self._floor.in_play, deals])

    def _wins(self, won: Index) -> Wins:
        book = self._book
        kind = book["kind"][won]
        more = won[kind == EXPANSION]
        expansions = Expansions(
            account_index=book["account"][more].copy(),
            added_mrr_minor=book["mrr_minor"][more].copy(),
            deal_index=more,
            closed_day=np.floor(book["closed"][more]).astype(np.int64),
        )
        return Wins(self._new_business(won[kind == NEW_BUSINESS]), expansions)

    def _new_business(self, won: Index) -> NewBusiness:
        book, prospects = self._book, self._openings.prospects
        places = book["prospect"][won].astype(np.int64)
        self._customers.append(places)
        names = self._sellers.names()
        first = self._params.initial_accounts
        codes = {name: book[name][won].astype(np.int64)
                 for name in ("segment", "industry", "region", "channel")}  # fmt: skip
        return NewBusiness(
            account_id=np.array([account_name(first + int(one)) for one in places], object),
            **codes,
            fit=book["fit"][won].astype(np.float64),
            seats=book["seats"][won].astype(np.float64),
            mrr_minor=book["mrr_minor"][won].copy(),
            term_months=book["term"][won].astype(np.int64),
            discount_share=book["final_discount"][won].astype(np.float64),
            owner_id=np.array([names[int(one)] for one in book["owner"][won]], object),
            deal_index=won,
            lead_day=np.floor(prospects["created"][places]).astype(np.int64),
            closed_day=np.floor(book["closed"][won]).astype(np.int64),
        )
