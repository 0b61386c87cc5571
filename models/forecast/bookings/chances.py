"""P(won in a quarter) of open deals, as a model fitted at the running quarter's start says it.

Totals need chances that are right together more than they need the sharpest ones, so the model is
a plain ridge logistic on what an open deal shows: its weeks' levels and its terms in money make
sums over past deals right, week by week. Another source, such as the released deal model, can take
its place behind the same protocol.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from features.days import day_number
from features.deals.bookings import Wins
from features.deals.days import NEVER, Floats, Ints, day_of
from lifecycle.periods import FiscalCalendar, Quarter
from models.forecast.bookings.columns import WEEKS, Design, Shown
from models.forecast.bookings.haircut import Haircut

MOST_AHEAD = 2
"""Quarters ahead of the running one that a chance is learned for."""
LEARN_DAYS = 775
"""Landmarks learned from at a quarter's start reach about eight and a half quarters back."""
RIDGE, WEEK_RIDGE, LEVEL_RIDGE = 20.0, 2.0, 0.1
PRIOR_SHARE = 0.05
HOLD_DAYS = 7
EDGE = 1e-6
STEPS, CLOSE, FARTHEST = 30, 1e-4, 4.0
"""Of Newton's method: most steps, when to stop, and by how much log odds may move in one step."""


class ChanceSource(Protocol):
    """Where chances come from; whatever it says of a day rests on what was known before it."""

    version: str

    def chances(self, rows: Ints, day: int, *, ahead: int) -> Floats:
        """Return P(won in the quarter so many after that of the day), (rows,).

        Parameters
        ----------
        rows
            Of the book that the source was opened on: deals open on the day.
        day
            The landmark (number).
        ahead
            0 for the quarter in which the day lies, up to ``MOST_AHEAD``.
        """

    def weekly(self, rows: Ints, day: int) -> Floats:
        """Return P(becomes known to be won in the seven days from the landmark on), (rows,)."""


@dataclass(frozen=True)
class Landmarks:
    """A book of open deals on all landmarks, sorted by day.

    Attributes
    ----------
    deal, day
        Codes and landmarks, (m,).
    start, end
        First day of each landmark's quarter, and first day after it, (m,).
    after
        (m, 3) ends of that quarter and of the two that follow.
    shown
        What the deals show.
    weekly
        (m,) whether the landmark is the first day of a week of a quarter: those are learned from.
    """

    deal: Ints
    day: Ints
    start: Ints
    end: Ints
    after: Ints
    shown: Shown
    weekly: np.ndarray


def quarter_days(day: Ints, calendar: FiscalCalendar) -> tuple[Ints, Ints]:
    """Return the first day of each landmark's quarter, (m,), and the ends from it on, (m, 3)."""
    distinct, place = np.unique(day, return_inverse=True)
    quarters = [Quarter.containing(day_of(int(one)), calendar) for one in distinct]
    start = np.array([day_number(one.start) for one in quarters], np.int64)
    ends = [[day_number(one.shift(n).end) for n in range(MOST_AHEAD + 1)] for one in quarters]
    return start[place], np.array(ends, np.int64).reshape(-1, MOST_AHEAD + 1)[place]


@dataclass
class BookChances:
    """Chances by logistics fitted on the book itself, one set for each quarter's start.

    Parameters
    ----------
    marks
        Open deals on all landmarks that will be asked about.
    wins
        Bookings as they became known.
    first_day
        Landmarks before it teach nothing (number).
    calendar
        When quarters begin.
    """

    marks: Landmarks
    wins: Wins
    first_day: int
    calendar: FiscalCalendar
    version: str = "book-1"
    _fits: dict[tuple[int, int], tuple[Design | None, Floats]] = field(default_factory=dict)
    _cuts: dict[int, Haircut] = field(default_factory=dict)

    def chances(self, rows: Ints, day: int, *, ahead: int) -> Floats:
        """Return P(won in the quarter so many after that of the day), (rows,)."""
        return self._say(rows, day, ahead)

    def weekly(self, rows: Ints, day: int) -> Floats:
        """Return P(becomes known to be won in the seven days from the landmark on), (rows,)."""
        return self._say(rows, day, -1)

    @property
    def first_learned(self) -> int:
        """First quarter's start (number) at which a whole quarter could be learned from."""
        first = Quarter.containing(day_of(self.first_day), self.calendar)
        return day_number(first.shift(1).start)

    def haircut(self, day: int) -> Haircut:
        """Return what becomes of amounts, as known at the start of the day's quarter."""
        fitted = self._fitted_on(day)
        if fitted not in self._cuts:
            closed, final = self._known(fitted)
            rows, won = self._learned(fitted, 0, closed)
            rows = rows[won > 0]
            self._cuts[fitted] = Haircut.learn(
                self.marks.shown.take(rows), final[self.marks.deal[rows]],
                wins=self.wins.take(self.wins.known(fitted)),
            )  # fmt: skip
        return self._cuts[fitted]

    def _say(self, rows: Ints, day: int, ahead: int) -> Floats:
        fitted = self._fitted_on(day)
        if (fitted, ahead) not in self._fits:
            self._fits[fitted, ahead] = self._fit(fitted, ahead)
        design, weights = self._fits[fitted, ahead]
        if design is None or not len(rows):
            return np.full(len(rows), PRIOR_SHARE)
        odds = design.matrix(self.marks.shown.take(rows)) @ weights
        return np.asarray(np.clip(1.0 / (1.0 + np.exp(-odds)), EDGE, 1.0 - EDGE))

    def _fitted_on(self, day: int) -> int:
        return day_number(Quarter.containing(day_of(day), self.calendar).start)

    def _fit(self, fitted: int, ahead: int) -> tuple[Design | None, Floats]:
        if ahead < 0:
            rows, label = self._learned_weekly(fitted)
        else:
            rows, label = self._learned(fitted, ahead, self._known(fitted)[0])
        if not len(rows):
            return None, np.zeros(0)
        design, matrix = Design.learn(self.marks.shown.take(rows))
        penalty = np.full(matrix.shape[1], RIDGE)
        penalty[0], penalty[1 : WEEKS + 1] = LEVEL_RIDGE, WEEK_RIDGE
        share = (label.sum() + PRIOR_SHARE) / (len(label) + 1.0)
        return design, _solve(matrix, label, penalty, level=float(np.log(share / (1.0 - share))))

    def _known(self, on: int) -> tuple[Ints, Floats]:
        """Return by deal code when it was won (``NEVER``: not) and for how much, as known then."""
        known = self.wins.take(self.wins.known(on))
        count = int(max(self.marks.deal.max(initial=-1), self.wins.deal.max(initial=-1))) + 1
        closed, final = np.full(count, NEVER, np.int64), np.full(count, np.nan)
        closed[known.deal], final[known.deal] = known.closed, known.amount_minor
        return closed, final

    def _learned(self, fitted: int, ahead: int, closed: Ints) -> tuple[Ints, Floats]:
        """Return rows whose target quarter has ended, every other week, and whether it won them."""
        marks = self.marks
        ends = marks.after[:, ahead]
        kept = marks.weekly & (marks.day >= self.first_day) & (ends <= fitted)
        kept &= self._thinned(fitted)
        rows = np.flatnonzero(kept)
        begins = marks.start[rows] if ahead == 0 else marks.after[rows, ahead - 1]
        when = closed[marks.deal[rows]]
        return rows, ((when >= begins) & (when < ends[rows])).astype(np.float64)

    def _learned_weekly(self, fitted: int) -> tuple[Ints, Floats]:
        marks = self.marks
        kept = marks.weekly & (marks.day >= self.first_day) & (marks.day + HOLD_DAYS <= fitted)
        rows = np.flatnonzero(kept & self._thinned(fitted))
        return rows, first_told(self.wins, marks, rows).astype(np.float64)

    def _thinned(self, fitted: int) -> np.ndarray:
        """Mark recent landmarks of every other week, of odd weeks in every other quarter."""
        marks = self.marks
        odd = (marks.day - marks.start) // 7 % 2 == marks.start // 91 % 2
        return np.asarray(odd & (marks.day >= fitted - LEARN_DAYS))


def first_told(wins: Wins, marks: Landmarks, rows: Ints) -> np.ndarray:
    """Mark rows whose deal was told to be won within a week of the landmark, (rows,)."""
    keys = np.sort(wins.deal * (NEVER + 1) + wins.seen)
    asked = marks.deal[rows] * (NEVER + 1) + marks.day[rows]
    low, high = (np.searchsorted(keys, asked + n, side="right") for n in (0, HOLD_DAYS))
    return np.asarray(high > low)


def _solve(matrix: Floats, label: Floats, penalty: Floats, *, level: float) -> Floats:
    """Return weights of a ridge logistic, held at zero but for the first, held at a level.

    A step is cut by how far it moves any row's log odds: wins of one week are so rare that uncut
    Newton steps run away.
    """
    held = np.zeros(matrix.shape[1])
    held[0] = level
    found = held.copy()
    odds = matrix @ found
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-odds))
        slope = matrix.T @ (label - chance) - penalty * (found - held)
        bend = (matrix * np.maximum(chance * (1.0 - chance), EDGE)[:, None]).T @ matrix
        bend[np.diag_indices_from(bend)] += penalty
        step = np.linalg.solve(bend, slope)
        moved = matrix @ step
        cut = min(1.0, FARTHEST / max(float(np.abs(moved).max()), 1e-12))
        found, odds = found + cut * step, odds + cut * moved
        if float(np.abs(moved).max()) < CLOSE:
            break
    return found
