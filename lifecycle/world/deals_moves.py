"""One week on the sales floor: open deals are won, lost, moved, reopened, swept or handed over."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Index, Rows
from lifecycle.world.deals_calendar import SellingCalendar
from lifecycle.world.deals_edits import MONTHS_PER_YEAR, Habits
from lifecycle.world.deals_new import (
    EXPANSION,
    MOMENTUM_MEMORY,
    MOMENTUM_SD,
    NEVER_LOST,
    NEW_BUSINESS,
)
from lifecycle.world.deals_rates import (
    EVENTS,
    SPEED,
    DealLaw,
    Deals,
    Mood,
    event_chances,
    multipliers,
)
from lifecycle.world.deals_record import CLOSED, IN_PLAY, LOST, WON, Record
from lifecycle.world.sellers import Handover, Sellers

WIN, LOSE, FORWARD, SKIP, BACK = range(len(EVENTS))
STAGE_WON, STAGE_LOST = 5, 6
STEP_OF = np.array([0, 0, 1, 2, -1, 0])
"""By how many stages each event moves a deal; the last is no event."""

ZOMBIE_SHARE = 0.12
"""Deals lost without anybody closing them in the sales system."""

ZOMBIE_CLOSE_CHANCE, ZOMBIE_EDIT_CHANCE = 0.15, 0.15
EDIT_CHANCE, DUE_EDIT_CHANCE, QUARTER_EDIT_CHANCE = 0.25, 0.4, 0.15
"""Weekly chance of an edit; more when the close date is due; more in a quarter's last weeks."""

SWEEP_AGE_WEEKS = np.array([26, 36, 52])
"""Age from which operations close a deal in a sweep, by segment."""

REOPEN_SHARE, REOPEN_WEEKS = 0.025, (4, 16)

TRUTH = {
    "deal": np.int32,
    "week": np.int16,
    "stage": np.int8,
    "quality": np.float32,
    "momentum": np.float32,
    "alive": np.bool_,
}


class Floor:
    """What happens to deals that are open.

    Parameters
    ----------
    book
        State of the deals.
    record
        Where it is written down.
    habits
        How sellers edit.
    law
        The hazards.
    rng
        Draws of this entity type alone.
    """

    def __init__(
        self, book: Book, record: Record, *, habits: Habits, law: DealLaw, rng: np.random.Generator
    ) -> None:
        self._book, self._record, self._habits = book, record, habits
        self._law, self._rng = law, rng
        self._reopenings: defaultdict[int, list[Index]] = defaultdict(list)
        self.truth = Rows(TRUTH)
        self.in_play: Index = np.zeros(0, np.int64)

    def hand_over(self, week: int, handover: Handover) -> None:
        """Give the open deals of those who left to their heirs, on Monday at six."""
        if len(handover.leavers) == 0:
            return
        owner = self._book["owner"][self.in_play]
        order = np.argsort(handover.leavers)
        leavers, heirs = handover.leavers[order], handover.heirs[order]
        place = np.minimum(np.searchsorted(leavers, owner), len(leavers) - 1)
        moved = np.flatnonzero(leavers[place] == owner)
        session = self._at_hour(self.in_play[moved], week, hour=6)
        self._book["owner"][self.in_play[moved]] = heirs[place[moved]]
        self._record.close(session)

    def sweep(self, week: int, prospects: Book) -> None:
        """Close what is too old, all at once on Monday at five; it looks like losses."""
        book = self._book
        age = week - book["week"][self.in_play]
        old = self.in_play[age > SWEEP_AGE_WEEKS[book["segment"][self.in_play]]]
        session = self._at_hour(old, week, hour=5)
        self._close(old, session.at, LOST)
        self._record.close(session, by=0)
        self._note_losses(old, week, prospects, reopen=False)

    def lose_customers(self, week: int, accounts: Index, prospects: Book) -> None:
        """Close the expansion deals of accounts that are leaving, on Monday at seven."""
        book = self._book
        theirs = (book["kind"][self.in_play] == EXPANSION) & np.isin(
            book["account"][self.in_play], accounts
        )
        deals = self.in_play[theirs]
        session = self._at_hour(deals, week, hour=7)
        self._close(deals, session.at, LOST)
        self._record.close(session)
        self._note_losses(deals, week, prospects, reopen=False)

    def reopen(self, week: int, prospects: Book, sellers: Sellers) -> None:
        """Take up lost deals again, unless somebody else already sells to that prospect."""
        due = self._reopenings.pop(week, [])
        deals = np.concatenate(due) if due else np.zeros(0, np.int64)
        book, rng = self._book, self._rng
        deals = deals[prospects["lost_week"][book["prospect"][deals]] != NEVER_LOST]
        session = self._at_hour(deals, week, hour=7.5)
        prospects["lost_week"][book["prospect"][deals]] = NEVER_LOST
        for column, value in (("state", IN_PLAY), ("dead", False), ("closed", np.nan)):
            book[column][deals] = value
        book["stage"][deals] = rng.integers(1, 3, len(deals))
        book["owner"][deals] = sellers.current(book["owner"][deals])
        book["quality"][deals] += np.float32(0.3)
        book["ready"][deals] = week + rng.gamma(2, 3, len(deals))
        self._habits.first_look(deals, week, session.at)
        self._record.close(session)
        self.in_play = np.sort(np.concatenate([self.in_play, deals]))

    def quality(self, week: int, sellers: Sellers) -> npt.NDArray[np.float64]:
        """Return the quality of every deal in play in this week, shape (n,)."""
        book, deals = self._book, self.in_play
        skill = sellers.quality(book["owner"][deals], week)
        return np.asarray(book["quality"][deals] + book["momentum"][deals] + skill)

    def move(
        self, week: int, quality: npt.NDArray[Any], *, mood: Mood, calendar: SellingCalendar
    ) -> tuple[Index, Index]:
        """Let the law decide on every deal in play; return those won and those closed as lost."""
        book, deals, rng = self._book, self.in_play, self._rng
        alive = ~book["dead"][deals]
        self.truth.add(
            len(deals), deal=deals, week=week, stage=book["stage"][deals], quality=quality,
            momentum=book["momentum"][deals], alive=alive,
        )  # fmt: skip
        event = np.where(alive, self._draw(deals, quality, week=week, mood=mood), len(EVENTS))
        silent = (event == LOSE) & (rng.random(len(deals)) < ZOMBIE_SHARE)
        book["dead"][deals[silent]] = True
        buried = ~alive & (rng.random(len(deals)) < ZOMBIE_CLOSE_CHANCE)
        won, lost = event == WIN, ((event == LOSE) & ~silent) | buried
        moved = STEP_OF[event] != 0
        day_weights = calendar.day_weights(week)
        at = self._workday(week, won, day_weights)
        edits = won | lost | moved | self._attends(deals, at, calendar.weeks_left[week])
        session = self._record.open(deals[edits], at[edits])
        book["stage"][deals] = np.minimum(book["stage"][deals] + STEP_OF[event], 4)
        self._close(deals[won], at[won], WON)
        self._close(deals[lost], at[lost], LOST)
        stays = edits & ~won & ~lost
        self._habits.revise(deals[stays], week, at=at[stays], moved=moved[stays])
        self._record.close(session)
        noise = rng.normal(0, MOMENTUM_SD * np.sqrt(1 - MOMENTUM_MEMORY**2), len(deals))
        book["momentum"][deals] = MOMENTUM_MEMORY * book["momentum"][deals] + noise
        return deals[won], deals[lost]

    def close_at_once(self, deals: Index, at: npt.NDArray[Any]) -> None:
        """Win deals in the hour in which they were entered: created and closed."""
        session = self._record.open(deals, at)
        self._close(deals, at, WON)
        self._record.close(session)

    def forget_closed(self) -> None:
        """Drop from play what is closed."""
        self.in_play = self.in_play[self._book["state"][self.in_play] == IN_PLAY]

    def note_losses(self, deals: Index, week: int, prospects: Book) -> None:
        """Free prospects for a later try; a few of the deals will be reopened."""
        self._note_losses(deals, week, prospects, reopen=True)

    # inside

    def _draw(
        self, deals: Index, quality: npt.NDArray[Any], *, week: int, mood: Mood
    ) -> npt.NDArray[np.int64]:
        book = self._book
        segment = book["segment"][deals]
        speed = SPEED[book["kind"][deals], segment]
        latents = Deals(quality, book["ready"][deals] - week, speed, segment == 2)
        parts = multipliers(latents, mood, self._law)
        # stages of dead deals are read too, and their draws thrown away: the stream stays in step
        chances = event_chances(book["stage"][deals], parts).cumsum(axis=1)
        return np.asarray((self._rng.random((len(deals), 1)) > chances).sum(axis=1))

    def _attends(
        self, deals: Index, at: npt.NDArray[Any], weeks_left: int
    ) -> npt.NDArray[np.bool_]:
        book = self._book
        due = book["close_on"][deals] <= at + 7
        chance = EDIT_CHANCE + DUE_EDIT_CHANCE * due + QUARTER_EDIT_CHANCE * (weeks_left <= 2)
        chance = np.where(book["dead"][deals], ZOMBIE_EDIT_CHANCE, chance)
        return np.asarray(self._rng.random(len(deals)) < chance)

    def _workday(
        self, week: int, won: npt.NDArray[np.bool_], weights: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        rng, count = self._rng, len(won)
        closes = np.searchsorted(weights.cumsum(), rng.random(count), "right")
        day = np.where(won, np.minimum(closes, 4), rng.integers(0, 5, count))
        return np.asarray(7 * week + day + rng.integers(480, 1080, count) / 1440)

    def _at_hour(self, deals: Index, week: int, *, hour: float) -> Any:
        return self._record.open(deals, np.full(len(deals), 7 * week + hour / 24))

    def _close(self, deals: Index, at: npt.NDArray[Any], state: int) -> None:
        book = self._book
        book["state"][deals], book["category"][deals] = state, CLOSED
        book["stage"][deals] = STAGE_WON if state == WON else STAGE_LOST
        book["closed"][deals], book["close_on"][deals] = at, np.floor(at)
        book["next_step"][deals] = np.nan
        if state == WON:
            book["discount"][deals] = book["final_discount"][deals]
            book["mrr_minor"][deals] = self._habits.signed_mrr(deals)
            book["amount"][deals] = book["mrr_minor"][deals] * MONTHS_PER_YEAR

    def _note_losses(self, deals: Index, week: int, prospects: Book, *, reopen: bool) -> None:
        book, rng = self._book, self._rng
        ours = deals[book["kind"][deals] == NEW_BUSINESS]
        prospects["lost_week"][book["prospect"][ours]] = week
        if not reopen:
            return
        again = ours[rng.random(len(ours)) < REOPEN_SHARE]
        for deal in again:
            self._reopenings[week + int(rng.integers(*REOPEN_WEEKS))].append(np.array([deal]))
