"""Open deals as a matrix: what a chance to win by the quarter's end hangs on.

The stage means little without the time left, so stage, segment and close date are also told times
the log of the days left; the week of the quarter has a level of its own, so that what all deals of
a week bring together is right even where single deals are not.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from features.deals.bookings import OpenBook
from features.deals.days import Floats, Ints
from features.deals.territories import Texts

WEEKS = 14
MIDDLE_LOG = 3.5
"""Log of about a month: days left are told around it."""
FEWEST_ROWS = 20
MOST_WORDS = 16
MONTH_DAYS, QUARTER_DAYS, FAR_DAYS = 30.0, 91.0, 60.0
CATEGORIES = ("commit", "best_case", "omitted")
LEAST_MINOR = 1.0
LARGEST_TIMES = 6.0
LATE_WEEK = 8


@dataclass(frozen=True)
class Shown:
    """What open deals show, one row a deal on a landmark; all of shape (m,) but ``numbers``.

    Attributes
    ----------
    week
        Of the quarter, 0 to 13.
    log_left
        Log of the days to the quarter's end, around a month.
    in_quarter
        1 where the close date lies ahead in the quarter, else 0.
    amount
        Minor units; NaN where none is told.
    stage, segment, category
        Texts or None.
    numbers
        (m, k) what counts as it is.
    """

    week: Ints
    log_left: Floats
    in_quarter: Floats
    amount: Floats
    stage: Texts
    segment: Texts
    category: Texts
    numbers: Floats

    def take(self, rows: Ints | slice) -> Self:
        """Return some of the rows."""
        return type(self)(*(getattr(self, one.name)[rows] for one in fields(self)))


def show(book: OpenBook, signs: dict[str, Floats], *, start: Ints, end: Ints) -> Shown:
    """Lay out the rows of a book.

    Parameters
    ----------
    book, signs
        Open deals, and what `features.deals.book_signs` tells of them.
    start, end
        (m,) first day of each landmark's quarter, and first day after it.
    """
    day = book.day.astype(np.float64)
    left = np.log(np.maximum(end - day, 1.0)) - MIDDLE_LOG
    ahead = book.close_on - day
    with np.errstate(invalid="ignore"):
        inside = ((book.close_on < end) & (ahead >= 0)).astype(np.float64)
        over = (ahead < 0).astype(np.float64)
        following = ((book.close_on >= end) & (book.close_on < end + QUARTER_DAYS)).astype(float)
    months = np.clip(np.nan_to_num(ahead / MONTH_DAYS, nan=4.0), -2.0, 6.0)
    silence = np.nan_to_num(signs["two_way_silence_days"], nan=FAR_DAYS)
    forward = np.nan_to_num(signs["forward_days"], nan=FAR_DAYS)
    age, stay = (
        np.log1p(np.maximum(np.nan_to_num(one), 0.0))
        for one in (day - book.created, signs["stage_age_days"])
    )
    due = np.stack([inside, over, following, months], axis=1)
    more = np.stack([
        np.clip(np.nan_to_num(-ahead / MONTH_DAYS), 0.0, 4.0), age, stay,
        np.log1p(np.maximum(silence, 0.0)), np.clip(silence, 0.0, 120.0) / FAR_DAYS,
        np.isnan(signs["two_way_silence_days"]).astype(np.float64),
        np.clip(np.nan_to_num(signs["push_count"]), 0.0, 5.0),
        np.clip(np.nan_to_num(signs["meetings_28d_count"]), 0.0, 5.0),
        np.nan_to_num(signs["next_meeting"]), np.clip(forward, 0.0, 200.0) / FAR_DAYS,
        book.expansion.astype(np.float64), book.expansion * left,
    ], axis=1)  # fmt: skip
    return Shown(
        np.clip((book.day - start) // 7, 0, WEEKS - 1), left, inside, book.amount_minor,
        book.stage, book.dimensions["segment"], book.category,
        np.hstack([due, due * left[:, None], more]),
    )  # fmt: skip


@dataclass(frozen=True)
class Design:
    """How rows become a matrix: words and scales of the rows that were learned from.

    Attributes
    ----------
    stages, segments
        Words that have a column.
    middle, usual
        Median log amount and mean amount (minor units).
    centre, scale
        Of all columns but the first 15 (level and weeks).
    """

    stages: tuple[str, ...]
    segments: tuple[str, ...]
    middle: float
    usual: float
    centre: Floats
    scale: Floats

    @classmethod
    def learn(cls, rows: Shown) -> tuple[Self, Floats]:
        """Learn from rows, at least one; return also their matrix."""
        told = rows.amount[np.isfinite(rows.amount)]
        middle = float(np.median(np.log(np.maximum(told, LEAST_MINOR)))) if len(told) else 0.0
        usual = float(told.mean()) if len(told) else 1.0
        found = cls(
            _words(rows.stage), _words(rows.segment), middle, max(usual, LEAST_MINOR),
            np.zeros(0), np.ones(0),
        )  # fmt: skip
        plain = found._columns(rows)
        centre, spread = plain.mean(axis=0), plain.std(axis=0)
        scale = np.where(spread > 1e-9, spread, 1.0)
        made = cls(found.stages, found.segments, middle, found.usual, centre, scale)
        return made, np.hstack([_levels(rows), (plain - centre) / scale])

    def matrix(self, rows: Shown) -> Floats:
        """Return shape (m, columns); the first is one, then come the weeks."""
        plain = (self._columns(rows) - self.centre) / self.scale
        return np.hstack([_levels(rows), plain])

    def _columns(self, rows: Shown) -> Floats:
        left = rows.log_left[:, None]
        stage, segment = _hot(rows.stage, self.stages), _hot(rows.segment, self.segments)
        category = _hot(rows.category, CATEGORIES)
        amount = np.where(np.isfinite(rows.amount), rows.amount, np.exp(self.middle))
        log = (np.log(np.maximum(amount, LEAST_MINOR)) - self.middle)[:, None]
        size = np.minimum(amount / self.usual, LARGEST_TIMES)[:, None]
        late = (rows.week >= LATE_WEEK).astype(np.float64)[:, None]
        return np.hstack([
            stage, stage * left, stage * log, segment, segment * left, category, category * left,
            log, log * left, log**2, log * rows.in_quarter[:, None],
            size, size * left, size * late, rows.numbers,
        ])  # fmt: skip


def _levels(rows: Shown) -> Floats:
    weeks = (rows.week[:, None] == np.arange(WEEKS)).astype(np.float64)
    return np.hstack([np.ones((len(rows.week), 1)), weeks])


def _hot(texts: Texts, words: tuple[str, ...]) -> Floats:
    if not words:
        return np.zeros((len(texts), 0))
    return np.stack([np.asarray(texts == word, dtype=np.float64) for word in words], axis=1)


def _words(texts: Texts) -> tuple[str, ...]:
    """Return the words that enough rows have, the most frequent if there are many, sorted."""
    counts: dict[str, int] = {}
    for text in texts.tolist():
        if text is not None:
            counts[text] = counts.get(text, 0) + 1
    kept = sorted((-count, word) for word, count in counts.items() if count >= FEWEST_ROWS)
    return tuple(sorted(word for _, word in kept[:MOST_WORDS]))
