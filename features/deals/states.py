"""Which deals are open on a landmark, and how deals were closed.

A deal is open on day d when it was created before d, known before d, and not known before d to be
won or lost; a deal opened again is open again. Renewals are a population apart and have no rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.days import day_number
from features.deals.days import NEVER, Floats, Ints, day_of
from features.deals.facts import DealFacts, Rows, rows_of
from features.deals.reading import OPEN, WON
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar, Quarter

CREATE_AND_CLOSE_DAYS = 1.0
"""A deal closed within this time of its creation was never worked as a deal."""


@dataclass(frozen=True)
class Closings:
    """Each time a deal became known to be won or lost, sorted by that day and by deal.

    Attributes
    ----------
    deal, story
        Codes, shape (c,).
    seen
        First day that knows it.
    closed
        When it was closed, by the event's own clock (days with fraction).
    is_won
        Won, else lost.
    until
        First day that knows better (opened again, or the other outcome); ``NEVER`` = it stands.
    created_and_closed
        Closed within a day of its creation: it was opened already closed.
    """

    deal: Ints
    story: Ints
    seen: Ints
    closed: Floats
    is_won: npt.NDArray[np.bool_]
    until: Ints
    created_and_closed: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.deal)


def open_rows(facts: DealFacts, days: Ints, *, calendar: FiscalCalendar = CALENDAR_YEAR) -> Rows:
    """Return a row for each deal open on each landmark, without renewals.

    Parameters
    ----------
    days
        Landmarks (day numbers), ascending.
    calendar
        The company's fiscal calendar.
    """
    story, first, after = _open_spells(facts)
    low, high = np.searchsorted(days, first), np.searchsorted(days, after)
    length = np.maximum(high - low, 0)
    place = np.repeat(low, length) + _ahead(length)
    rows = rows_of(
        facts, np.repeat(facts.story_deal[story], length), days[place], calendar=calendar
    )
    started = np.floor(created_days(facts, rows)) < rows.day
    return rows.take(started & ~is_renewal(facts, rows))


def is_renewal(facts: DealFacts, rows: Rows) -> npt.NDArray[np.bool_]:
    """Mark the rows whose deal is known to be a renewal, shape (m,)."""
    return np.asarray(facts.at("kind", rows) == facts.text_code("kind", "renewal"))


def created_days(facts: DealFacts, rows: Rows) -> Floats:
    """Return when each row's deal was created (days), shape (m,).

    Where nobody says it, the deal is as old as our knowledge of it.
    """
    told = facts.at("created", rows)
    return np.where(np.isnan(told), known_from(facts)[rows.story] - 1.0, told)


def known_from(facts: DealFacts) -> Ints:
    """Return the first day that knows anything of each story, shape (s,)."""
    first = np.full(len(facts.story_deal), NEVER, np.int64)
    for edits in facts.fields.values():
        np.minimum.at(first, edits.story, edits.seen)
    return first


def build_closings(facts: DealFacts) -> Closings:
    """Return each time a deal became known to be closed, told anew or not, once."""
    outcomes = facts.fields["outcome"]
    kept = np.flatnonzero((outcomes.value != OPEN) & facts.own(outcomes))
    kept = kept[np.lexsort((facts.story_deal[outcomes.story[kept]], outcomes.seen[kept]))]
    until = _next_seen(outcomes.story, outcomes.seen)[kept]
    story, seen, closed = outcomes.story[kept], outcomes.seen[kept], outcomes.happened[kept]
    created = facts.fields["created"].at(story, seen)
    with np.errstate(invalid="ignore"):
        at_once = closed - created < CREATE_AND_CLOSE_DAYS
    return Closings(
        facts.story_deal[story], story, seen, closed, outcomes.value[kept] == WON, until, at_once
    )


def left_out(facts: DealFacts) -> dict[str, int]:
    """Count the deals that no landmark shows: renewals, and those created already closed."""
    closings = build_closings(facts)
    kinds = facts.fields["kind"]
    renewal = facts.text_code("kind", "renewal")
    return {
        "renewals": len(np.unique(facts.story_deal[kinds.story[kinds.value == renewal]])),
        "created_and_closed": len(np.unique(closings.deal[closings.created_and_closed])),
    }


def _open_spells(facts: DealFacts) -> tuple[Ints, Ints, Ints]:
    """Return story, first day and first day after of each time in which a deal was open."""
    outcomes, count = facts.fields["outcome"], len(facts.story_deal)
    story = np.concatenate([np.arange(count), outcomes.story])
    seen = np.concatenate([known_from(facts), outcomes.seen])
    value = np.concatenate([np.full(count, OPEN), outcomes.value])
    order = np.argsort(story, kind="stable")  # what we first know of a deal is that it is open
    story, seen, value = story[order], seen[order], value[order]
    ends = np.append(facts.story_from[1:], NEVER)
    ends = np.where(np.append(facts.story_deal[1:] == facts.story_deal[:-1], False), ends, NEVER)
    after = np.minimum(_next_seen(story, seen), ends[story])
    is_open = value == OPEN
    return story[is_open], np.maximum(seen, facts.story_from[story])[is_open], after[is_open]


def _next_seen(story: Ints, seen: Ints) -> Ints:
    following = np.append(seen[1:], NEVER)
    return np.where(np.append(story[1:] == story[:-1], False), following, NEVER)


def _ahead(length: Ints) -> Ints:
    """Count 0, 1, … within each run of the given lengths."""
    return np.asarray(np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length))


def weekly_landmarks(first: int, last: int, *, calendar: FiscalCalendar = CALENDAR_YEAR) -> Ints:
    """Return the first days of the weeks of the fiscal quarters in ``[first, last]``, as numbers.

    A quarter has 13 weeks, or the 14 of a fiscal calendar; what is left belongs to the last.

    Parameters
    ----------
    first, last
        Day numbers.
    calendar
        The company's fiscal calendar.
    """
    quarter, found = Quarter.containing(day_of(first), calendar), []
    while day_number(quarter.start) <= last:
        found += [day_number(quarter.start) + 7 * week for week in range(quarter.weeks)]
        quarter = quarter.shift(1)
    days = np.array(found, np.int64)
    return days[(days >= first) & (days <= last)]
