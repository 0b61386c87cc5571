"""How sellers see their deals: close dates, amounts, categories and next steps, each in their way.

A seller's bias makes dates early, amounts high and categories bold (happy ears) or the opposite
(sandbagging). None of this moves a deal: it only shows what the seller believes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.world.deals_book import Book, Index
from lifecycle.world.deals_calendar import SellingCalendar
from lifecycle.world.deals_rates import SPEED
from lifecycle.world.deals_record import BEST_CASE, COMMIT, OMITTED, PIPELINE
from lifecycle.world.sellers import Sellers

Floats = npt.NDArray[np.float64]

QUARTER_END_SHARE, MONTH_END_SHARE = 0.20, 0.12
"""Close dates that are placeholders: the last day of a quarter or of a month."""

DATE_BIAS, AMOUNT_BIAS, CATEGORY_BIAS = -0.2, 0.10, 0.9
"""What a unit of bias does to the log of the days to close, of the amount, and to the view."""

WEEKS_PER_STAGE = 1.2
AMOUNT_ERROR = np.array([0.35, 0.25, 0.15, 0.06, 0.02])
"""Log error of the amount by stage: it narrows down to what will be signed."""

PUSH_CHANCE = 0.8
PULL_CHANCE, PULL_WEEKS = 0.2, 3
LATE_DISCOUNT_CHANCE, LATE_DISCOUNT = 0.2, (0.02, 0.08)
"""Deals in negotiation that get more discount at the end of a quarter, and how much more."""

MONTHS_PER_YEAR = 12
LIST_ROUND_MINOR = 100


class Habits:
    """What sellers write into the deals they open.

    Parameters
    ----------
    book
        State of the deals.
    sellers
        Bias by owner.
    calendar
        Ends of quarters.
    rng
        Draws of this entity type alone.
    """

    def __init__(
        self, book: Book, sellers: Sellers, *, calendar: SellingCalendar, rng: np.random.Generator
    ) -> None:
        self._book, self._sellers, self._calendar, self._rng = book, sellers, calendar, rng
        first = np.datetime64(calendar.start, "D")
        self._first: Any = first

    def first_look(self, deals: Index, week: int, at: Floats) -> None:
        """Fill the fields of deals just made."""
        self._guess_close(deals, week, at)
        self._guess_amount(deals)
        self._judge(deals, week)
        self._plan(deals, at)

    def revise(self, deals: Index, week: int, *, at: Floats, moved: npt.NDArray[np.bool_]) -> None:
        """Let sellers go over open deals.

        Parameters
        ----------
        deals
            Open deals, shape (n,).
        week
            The week.
        at
            When each is edited, in days since the start.
        moved
            Deals whose stage has just moved.
        """
        rng, book = self._rng, self._book
        due = book["close_on"][deals] <= at + 3
        pushed = due & (rng.random(len(deals)) < PUSH_CHANCE)
        redone = rng.random(len(deals)) < np.where(moved, 0.5, 0.2)
        self._guess_close(deals[pushed | redone], week, at[pushed | redone])
        self._pull_in(deals, week)
        self._discount(deals, week, moved)
        edited = rng.random(len(deals)) < np.where(moved, 0.5, 0.05)
        self._guess_amount(deals[edited])
        named = (book["stage"][deals] >= 2) & (rng.random(len(deals)) < 0.4)
        book["competitor"][deals[named]] = book["rival"][deals[named]]
        self._judge(deals, week)
        planned = rng.random(len(deals)) < 0.5
        self._plan(deals[planned], at[planned])

    def signed_mrr(self, deals: Index) -> npt.NDArray[np.int64]:
        """Return the monthly price that will be signed, whole dollars in minor units."""
        price = self._book["list_minor"][deals] * (1 - self._book["final_discount"][deals])
        units = np.maximum(1, np.rint(price / LIST_ROUND_MINOR)).astype(np.int64)
        return np.asarray(units * LIST_ROUND_MINOR)

    # inside

    def _bias(self, deals: Index) -> Floats:
        return np.asarray(self._sellers.people["bias"][self._book["owner"][deals]], float)

    def _guess_close(self, deals: Index, week: int, at: Floats) -> None:
        book, rng, count = self._book, self._rng, len(deals)
        speed = SPEED[book["kind"][deals], book["segment"][deals]]
        weeks = np.maximum(book["ready"][deals] - week, 0)
        weeks = weeks + (4 - book["stage"][deals]) * WEEKS_PER_STAGE / speed
        log_error = rng.normal(0, 0.2, count) + DATE_BIAS * self._bias(deals)
        days = np.floor(at) + np.maximum(7, 7 * np.maximum(weeks, 1) * np.exp(log_error))
        days = np.minimum(days, at + 540).astype(np.int64)
        kind = rng.random(count)
        month_end, quarter_end = self._period_ends(days)
        days = np.where(kind < QUARTER_END_SHARE, quarter_end, days)
        is_month = (kind >= QUARTER_END_SHARE) & (kind < QUARTER_END_SHARE + MONTH_END_SHARE)
        book["close_on"][deals] = np.where(is_month, month_end, days)

    def _period_ends(self, days: Index) -> tuple[Index, Index]:
        """Return the last day of the month and of the quarter of each day."""
        month = (self._first + days).astype("M8[M]")
        quarter = month - month.astype(np.int64) % 3
        ends = [(one.astype("M8[D]") - self._first).astype(np.int64) - 1
                for one in (month + 1, quarter + 3)]  # fmt: skip
        return ends[0], ends[1]

    def _pull_in(self, deals: Index, week: int) -> None:
        book, last_day = self._book, int(self._calendar.quarter_end[week]) - 1
        if self._calendar.weeks_left[week] > PULL_WEEKS:
            return
        late = (book["stage"][deals] >= 3) & (book["close_on"][deals] > last_day)
        close = late & (book["ready"][deals] < week + 4)
        pulled = deals[close & (self._rng.random(len(deals)) < PULL_CHANCE)]
        book["close_on"][pulled] = last_day

    def _discount(self, deals: Index, week: int, moved: npt.NDArray[np.bool_]) -> None:
        book, rng = self._book, self._rng
        stage = book["stage"][deals]
        asked = deals[moved & (stage >= 3)]
        share = np.where(book["stage"][asked] == 4, 1.0, rng.uniform(0.3, 1.0, len(asked)))
        book["discount"][asked] = np.round(share * book["final_discount"][asked], 3)
        if self._calendar.weeks_left[week] > 1:
            return
        late = deals[(stage == 4) & (rng.random(len(deals)) < LATE_DISCOUNT_CHANCE)]
        more = book["final_discount"][late] + rng.uniform(*LATE_DISCOUNT, len(late))
        book["final_discount"][late] = np.round(np.minimum(more, 0.5), 3)
        book["discount"][late] = book["final_discount"][late]
        self._guess_amount(late)

    def _guess_amount(self, deals: Index) -> None:
        book, count = self._book, len(deals)
        stage = book["stage"][deals]
        log_error = self._rng.normal(0, 1, count) * AMOUNT_ERROR[stage]
        log_error = log_error + AMOUNT_BIAS * self._bias(deals) * (stage < 3)
        year = book["list_minor"][deals] * (1 - book["discount"][deals]) * MONTHS_PER_YEAR
        book["amount"][deals] = np.rint(year * np.exp(log_error) / 10_000) * 10_000

    def _judge(self, deals: Index, week: int) -> None:
        book = self._book
        quality = book["quality"][deals] + book["momentum"][deals]
        view = quality + CATEGORY_BIAS * self._bias(deals)
        view = view + self._rng.normal(0, 0.3, len(deals))
        stage, close_on = book["stage"][deals], book["close_on"][deals]
        in_quarter = close_on < self._calendar.quarter_end[week]
        commit = in_quarter & (((stage == 3) & (view > 1.2)) | ((stage == 4) & (view > 0.3)))
        best = in_quarter & (stage >= 2) & (view > 0.0)
        poor = (view < -1.6) & (stage <= 1)
        rest = np.where(best, BEST_CASE, np.where(poor, OMITTED, PIPELINE))
        book["category"][deals] = np.where(commit, COMMIT, rest)

    def _plan(self, deals: Index, at: Floats) -> None:
        ahead = np.floor(at + self._rng.gamma(2.0, 5.0, len(deals)) + 1)
        self._book["next_step"][deals] = ahead + self._rng.integers(32, 68, len(deals)) / 96
