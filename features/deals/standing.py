"""How all deals stood on one landmark, for what an owner, an account or a path is known by.

What is learned of closed deals is read as it stood before the day on which the close became known:
a close sets the close date and often the owner, and neither says anything of a deal still open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.deals.days import Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.reading import LOST, OPEN, WON
from features.deals.states import CREATE_AND_CLOSE_DAYS, is_renewal
from features.deals.streams import taken
from features.deals.sweeps import Flags, Sweeps, swept


@dataclass(frozen=True)
class Standing:
    """All deals on one landmark, shape (deals,) each.

    Attributes
    ----------
    day
        The landmark.
    rows
        The deals on it.
    before
        The deals on the last day on which they were open: the landmark, or the eve of the day
        that first knew of the close.
    is_open, is_won, is_lost
        States; all false where nothing was told yet, of renewals, which are sold otherwise, of
        deals that were created closed, and of those closed in bulk.
    closed_on
        Day of the close; NaN while open.
    """

    day: int
    rows: Rows
    before: Rows
    is_open: Flags
    is_won: Flags
    is_lost: Flags
    closed_on: Floats

    def last_open(self, facts: DealFacts, field: str) -> Floats:
        """Return a field as it stood while the deal was open, shape (deals,).

        Of a deal that was first told of as closed, what was told then.
        """
        while_open = facts.at(field, self.before)
        return np.where(np.isnan(while_open), facts.at(field, self.rows), while_open)


def standing_on(facts: DealFacts, day: int, sweeps: Sweeps) -> Standing:
    """Return how all deals stood on a landmark, as known before it.

    Parameters
    ----------
    day
        The landmark, days since 1970-01-01.
    sweeps
        Of the facts.
    """
    deals, days = np.arange(facts.count), np.full(facts.count, day)
    story = facts.stories(deals, days)
    rows = Rows(deals, story, days, days, days)
    outcome = facts.fields["outcome"]
    place = outcome.last(story, days)
    state, created = taken(outcome.value, place), facts.at("created", rows)
    is_closed = (state == WON) | (state == LOST)
    closed_at = np.where(is_closed, taken(outcome.happened, place), np.nan)
    seen = np.where(is_closed, np.nan_to_num(taken(outcome.seen, place)) - 1, day)
    eve = seen.astype(np.int64)
    sold = ~is_renewal(facts, rows) & ~(closed_at - created < CREATE_AND_CLOSE_DAYS)
    is_open = ~is_closed & ((state == OPEN) | (created < day)) & ~(created >= day)
    sold &= ~swept(sweeps, np.where(is_closed, place, -1), closed_at)
    return Standing(
        day, rows, Rows(deals, story, eve, days, days),
        is_open & sold, (state == WON) & sold, (state == LOST) & sold, np.floor(closed_at),
    )  # fmt: skip


def by_landmark(rows: Rows) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Yield each landmark with the places of its rows."""
    if not len(rows):
        return
    order = np.argsort(rows.day, kind="stable")
    days, first = np.unique(rows.day[order], return_index=True)
    for day, places in zip(days, np.split(order, first[1:]), strict=True):
        yield int(day), places


def shrunk_share(hits: Ints | Floats, trials: Ints | Floats, *, weight: float) -> Floats:
    """Return shares of groups, drawn to the share of all as if each had ``weight`` such trials.

    The posterior mean of a beta prior (Casella, "An introduction to empirical Bayes data
    analysis", 1985). NaN when there is no trial at all.

    Parameters
    ----------
    hits, trials
        Counts by group, shape (g,).
    weight
        Pseudo trials (count).

    Examples
    --------
    >>> shrunk_share(np.array([10, 0]), np.array([10, 10]), weight=20).round(2).tolist()
    [0.67, 0.33]
    """
    if not np.sum(trials):
        return np.full(len(hits), np.nan)
    usual = float(np.sum(hits) / np.sum(trials))
    return np.asarray((hits + weight * usual) / (trials + weight), np.float64)
