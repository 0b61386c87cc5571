"""Contract lines as known on a day: what each pays day by day, its terms, and notices given.

MRR of a day counts every change effective on that day or before; a day brings 12/365.25 of it, as
``lifecycle.metrics.movements`` has it. So MRR movements of a quarter lead from its opening ARR to
its ending ARR, and revenue is what the movements earn day by day: recognised, whatever is invoiced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.deals.days import NEVER, SPAN, Floats, Ints
from models.forecast.recurring.facts import Changes, Flags

DAY_SHARE = 12.0 / 365.25
"""What a day brings of the MRR."""

OPEN_MONTHS = 1.0
"""Plans of a month or less renew by themselves so often that only leaving is looked at."""


@dataclass(frozen=True)
class Steps:
    """Steps of MRR by line and day, each of shape (s,).

    ``line`` is a row of the book, ``level`` the line's MRR from ``day`` on and ``delta`` its step
    (minor units), ``kind`` the code of the day's last change, -1 of an opening.
    """

    line: Ints
    day: Ints
    level: Floats
    delta: Floats
    kind: Ints

    def until(self) -> Ints:
        """Return the day of the same line's next step, ``NEVER`` after its last, (s,)."""
        following = np.append(self.day[1:], NEVER)
        same = np.append(self.line[1:] == self.line[:-1], False)
        return np.where(same, following, NEVER)[: len(self.line)]


@dataclass(frozen=True)
class Terms:
    """Told ends of terms that no later change moved, each of shape (t,): line and day."""

    line: Ints
    day: Ints


@dataclass(frozen=True)
class Book:
    """All lines ever told, as known on a day; arrays of shape (lines,) unless said otherwise.

    Attributes
    ----------
    day
        The origin.
    code
        Line code of the facts.
    account, product, segment, region, owner
        Codes of the facts' words, -1 = not known; the account after merges.
    started, term_months, notice_days, uplift
        As last told; NaN where nothing is.
    ends_on
        Day that a notice announces, ``NEVER`` without one.
    steps, terms
        MRR by day, and ends of terms past and future; announced ends lie outside of the steps
        while they are ahead.
    changes
        Those seen, ``line`` being rows of the book.
    foreign_count
        Lines left out because they are in another currency.
    """

    day: int
    code: Ints
    account: Ints
    product: Ints
    segment: Ints
    region: Ints
    owner: Ints
    started: Floats
    term_months: Floats
    notice_days: Floats
    uplift: Floats
    ends_on: Ints
    steps: Steps
    terms: Terms
    changes: Changes
    foreign_count: int

    def __len__(self) -> int:
        return len(self.code)

    def levels(self, day: int) -> Floats:
        """Return each line's MRR of a day (minor units)."""
        steps = self.steps
        return self._sums(steps.delta * (steps.day <= day))

    def level_at(self, line: Ints, day: Ints) -> Floats:
        """Return MRR of lines on days, (n,) minor units."""
        steps = self.steps
        place = np.searchsorted(steps.line * SPAN + steps.day, line * SPAN + day, side="right") - 1
        own = (place >= 0) & (np.append(steps.line, -1)[place] == line)
        return np.asarray(np.where(own, np.append(steps.level, 0.0)[place], 0.0))

    def revenue(self, first: int, last: int) -> Floats:
        """Return what each line earns in ``[first, last)`` (minor units)."""
        steps = self.steps
        days = np.maximum(last - np.maximum(steps.day, first), 0)
        return self._sums(steps.delta * days * DAY_SHARE)

    def is_open(self) -> Flags:
        """Mark lines without a term, or with one of a month."""
        told = np.zeros(len(self), bool)
        told[self.terms.line] = True
        return ~told | (np.nan_to_num(self.term_months, nan=12.0) <= OPEN_MONTHS)

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self.steps.line, values, len(self)).astype(np.float64)
