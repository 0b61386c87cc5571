"""All that a bookings forecast looks at, read once for a set of days: wins, open book, chances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

import numpy as np

from features.days import day_number
from features.deals.book_signs import read_signs
from features.deals.bookings import OpenBook, Wins, read_open_book, read_wins
from features.deals.days import Ints, day_of
from features.deals.facts import DealFacts, read_deal_facts
from features.deals.states import weekly_landmarks
from features.deals.territories import Territories, read_territories
from lifecycle.periods import FiscalCalendar, Quarter
from lifecycle.snapshot import Snapshot
from models.forecast.bookings.chances import BookChances, Landmarks, first_told, quarter_days
from models.forecast.bookings.columns import show
from models.forecast.bookings.shock import Weeks


@dataclass(frozen=True)
class DealRecord:
    """Facts of deals as a late day knows them, which answer for every earlier day.

    Attributes
    ----------
    facts, territories, wins
        Deals, who stands behind them, and bookings as they became known.
    first_day
        First day on which anything of a deal was on record; the snapshot's without any (number).
    currency
        The company's.
    calendar
        When quarters begin.
    """

    facts: DealFacts
    territories: Territories
    wins: Wins
    first_day: int
    currency: str
    calendar: FiscalCalendar

    @classmethod
    def read(cls, snapshot: Snapshot, *, calendar: FiscalCalendar, currency: str) -> Self:
        """Read the facts.

        Raises
        ------
        LakeError
            The lake's files cannot be read.
        """
        facts = read_deal_facts(snapshot)
        territories = read_territories(snapshot, facts)
        wins = read_wins(facts, territories, currency=currency)
        known = facts.fields["created"].known
        first = int(np.floor(known.min())) if len(known) else facts.today
        return cls(facts, territories, wins, first, currency, calendar)

    @property
    def learn_from(self) -> int:
        """First day of the first quarter that was on record from its start."""
        quarter = Quarter.containing(day_of(self.first_day), self.calendar)
        return day_number(quarter.shift(1).start)

    def open_on(self, days: Iterable[int]) -> Marked:
        """Return the open deals of all week starts, and of more days, none after the snapshot's."""
        weekly = weekly_landmarks(self.first_day, self.facts.today, calendar=self.calendar)
        every = np.union1d(weekly, np.array(sorted(set(days)), np.int64)).astype(np.int64)
        book = read_open_book(
            self.facts, self.territories, every, currency=self.currency, calendar=self.calendar
        )
        start, after = quarter_days(book.day, self.calendar)
        signs = read_signs(self.facts, book, calendar=self.calendar)
        marks = Landmarks(
            book.deal, book.day, start, after[:, 0], after,
            show(book, signs, start=start, end=after[:, 0]), np.isin(book.day, weekly),
        )  # fmt: skip
        chances = BookChances(marks, self.wins, self.learn_from, self.calendar)
        return Marked(book, marks, chances, frozenset(every.tolist()))


@dataclass
class Marked:
    """The open book on a set of days, with its chances.

    Attributes
    ----------
    book, marks
        Row by row the same deals.
    chances
        Fitted as asked.
    days
        Day numbers that it was read for.
    gates
        By first day of a quarter whether the filter may speak in it, once that was asked.
    """

    book: OpenBook
    marks: Landmarks
    chances: BookChances
    days: frozenset[int]
    _sums: dict[int, tuple[float, float]] = field(default_factory=dict)
    _weeks: dict[int, float] = field(default_factory=dict)
    _told: Weeks | None = None
    gates: dict[int, bool] = field(default_factory=dict)

    def rows(self, day: int) -> Ints:
        """Return the places of the deals open on a day."""
        low, high = np.searchsorted(self.marks.day, [day, day + 1])
        return np.arange(low, high)

    def rows_between(self, first: int, last: int) -> Ints:
        """Return the places of the deals open on the days read in ``[first, last)``."""
        low, high = np.searchsorted(self.marks.day, [first, last])
        return np.arange(low, high)

    def expect_won(self, day: int) -> tuple[float, float]:
        """Return what deals open on a day are expected to bring to its quarter, minor units.

        Without any shock, and by how much more for each unit of log odds.
        """
        if day not in self._sums:
            rows = self.rows(day)
            chance = self.chances.chances(rows, day, ahead=0)
            value, ratio = self.chances.haircut(day).expect(
                self.marks.shown.take(rows), self.book.foreign[rows]
            )
            money = value * ratio
            self._sums[day] = float(chance @ money), float((chance * (1 - chance)) @ money)
        return self._sums[day]

    def weeks(self, until: int, wins: Wins) -> Weeks:
        """Return the weeks over by a day in quarters that models had learned something for."""
        if self._told is None:
            marks = self.marks
            rows = np.flatnonzero(marks.weekly & (marks.start >= self.chances.first_learned))
            days, first = np.unique(marks.day[rows], return_index=True)
            place = np.searchsorted(days, marks.day[rows])
            told = first_told(wins, marks, rows)
            won = np.bincount(place, weights=told, minlength=len(days)).astype(np.float64)
            self._told = Weeks(days, marks.start[rows][first], won, np.zeros(len(days)))
        past = self._told.before(until)
        expected = [self._expected(day) for day in past.day.tolist()]
        return replace(past, expected=np.array(expected, np.float64))

    def _expected(self, day: int) -> float:
        if day not in self._weeks:
            self._weeks[day] = float(self.chances.weekly(self.rows(day), day).sum())
        return self._weeks[day]


def same_day(origin: date, quarter: Quarter, past: Quarter) -> int:
    """Return the day (number) of a past quarter as far from its start as the origin is."""
    return day_number(min(past.start + (origin - quarter.start), past.end))
