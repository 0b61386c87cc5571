"""What a bookings forecast counts: wins as they became known, and the book of open deals by day.

Bookings are deals of new business and expansion that were won, at their amount, in the quarter in
which the day of the close lies in the company's zone; renewals are a target apart. A win counts
from the first day that knows it until the first day that knows better, so a back-dated close adds
to its quarter from the day it was told. A won deal without an amount, or in another currency than
the company's, is a win without money: it is counted, and its amount is NaN. A deal that was
created already closed is a win like any other, but was never in an open book.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from features.deals.days import NEVER, Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.reading import WON
from features.deals.states import CREATE_AND_CLOSE_DAYS, created_days, is_renewal, open_rows
from features.deals.streams import Edits
from features.deals.territories import Territories, Texts, as_objects
from lifecycle.periods import CALENDAR_YEAR, FiscalCalendar

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Wins:
    """Spells in which a deal was known to be won on one day for one amount; sorted by deal.

    Days are numbers since 1970-01-01 in the company's zone.

    Attributes
    ----------
    deal
        Codes, shape (w,).
    created, closed
        Day of the creation, and of the close.
    seen, until
        First day that knows it so, and first day that knows better (``NEVER`` = it stands).
    amount_minor
        In the company's currency; NaN where no amount, or one in another currency, is told.
    expansion, at_once
        Expansion (else new business); created already closed.
    dimensions
        By dimension the value (or None), (w,): as it stood on the last day before the close was
        known, because a close often hands the deal over.
    """

    deal: Ints
    created: Ints
    closed: Ints
    seen: Ints
    until: Ints
    amount_minor: Floats
    expansion: Flags
    at_once: Flags
    dimensions: dict[str, Texts]

    def __len__(self) -> int:
        return len(self.deal)

    def known(self, day: int) -> Flags:
        """Mark the wins that stand as known before a day began, shape (w,)."""
        return np.asarray((self.seen <= day) & (day < self.until))

    def take(self, kept: Flags | Ints) -> Self:
        """Return some of the wins."""
        return type(self)(**_taken(self, kept))


@dataclass(frozen=True)
class OpenBook:
    """Deals open on landmarks, sorted by landmark and deal; renewals are left out.

    Attributes
    ----------
    deal, day
        Codes and landmarks, shape (m,).
    created, close_on
        Day of the creation; close date shown, NaN where none is.
    amount_minor
        In the company's currency; NaN where no amount, or one in another currency, is told.
    foreign
        In another currency than the company's.
    stage, category
        Texts or None; the stage by our name.
    position
        Place of the stage in the learned order; NaN = none.
    expansion
        Expansion (else new business).
    dimensions
        By dimension the value (or None), (m,), as it stood on the landmark.
    """

    deal: Ints
    day: Ints
    created: Ints
    close_on: Floats
    amount_minor: Floats
    foreign: Flags
    stage: Texts
    category: Texts
    position: Floats
    expansion: Flags
    dimensions: dict[str, Texts]

    def __len__(self) -> int:
        return len(self.deal)

    def on(self, day: int) -> Self:
        """Return the deals open on one landmark; none where the book was not read for it."""
        low, high = np.searchsorted(self.day, [day, day + 1])
        return type(self)(**_taken(self, np.arange(low, high)))

    def take(self, kept: Flags | Ints) -> Self:
        """Return some of the rows."""
        return type(self)(**_taken(self, kept))


def read_wins(facts: DealFacts, territories: Territories, *, currency: str) -> Wins:
    """Return each spell in which a deal was known to be won for an amount.

    Parameters
    ----------
    facts
        All that is known on a late day; the spells answer for every earlier one.
    territories
        Who stands behind deals.
    currency
        The company's; deals that name none are in it.
    """
    outcomes = facts.fields["outcome"]
    story, start, end, place = _split(facts, _won_spells(facts, outcomes))
    order = np.lexsort((start, facts.story_deal[story]))
    story, start, end, place = (one[order] for one in (story, start, end, place))
    quarterless = np.zeros(len(story), np.int64)
    then = Rows(facts.story_deal[story], story, start, quarterless, quarterless)
    eve = _on_the_eve(facts, then, outcomes.seen[place])
    created, closed = created_days(facts, then), outcomes.happened[place]
    made = Wins(
        deal=then.deal,
        created=np.floor(created).astype(np.int64),
        closed=np.floor(closed).astype(np.int64),
        seen=start,
        until=end,
        amount_minor=np.where(_foreign(facts, then, currency), np.nan, facts.at("amount", then)),
        expansion=_expansion(facts, then),
        at_once=np.asarray(closed - created < CREATE_AND_CLOSE_DAYS),
        dimensions=_dimensions(facts, territories, eve, then),
    )
    return made.take(~is_renewal(facts, then))


def read_open_book(
    facts: DealFacts,
    territories: Territories,
    days: Ints,
    *,
    currency: str,
    calendar: FiscalCalendar = CALENDAR_YEAR,
) -> OpenBook:
    """Return the deals open on each landmark, as known before it began.

    Parameters
    ----------
    facts
        All that is known on a late day.
    territories
        Who stands behind deals.
    days
        Landmarks (day numbers), ascending, none after the facts' day.
    currency
        The company's; deals that name none are in it.
    calendar
        The company's fiscal calendar.
    """
    rows = open_rows(facts, days, calendar=calendar)
    rows = rows_by_day(rows)
    foreign = _foreign(facts, rows, currency)
    stage = facts.at("stage", rows)
    return OpenBook(
        deal=rows.deal,
        day=rows.day,
        created=np.floor(created_days(facts, rows)).astype(np.int64),
        close_on=facts.at("close_on", rows),
        amount_minor=np.where(foreign, np.nan, facts.at("amount", rows)),
        foreign=foreign,
        stage=as_objects(facts.text("stage", rows)),
        category=as_objects(facts.text("category", rows)),
        position=facts.positions(stage, rows.day),
        expansion=_expansion(facts, rows),
        dimensions=territories.of(facts, rows),
    )


def rows_by_day(rows: Rows) -> Rows:
    """Return rows sorted by landmark and deal, the order of a deal frame."""
    order = np.lexsort((rows.deal, rows.day))
    return Rows(*(getattr(rows, one.name)[order] for one in fields(rows)))


def _won_spells(facts: DealFacts, outcomes: Edits) -> tuple[Ints, Ints, Ints, Ints]:
    """Return story, first day, first day after, and place of the edit of each spell as won."""
    following = np.append(outcomes.seen[1:], NEVER)
    same = np.append(outcomes.story[1:] == outcomes.story[:-1], False)[: len(following)]
    ends = np.append(facts.story_from[1:], NEVER)[: len(facts.story_from)]
    same_deal = np.append(facts.story_deal[1:] == facts.story_deal[:-1], False)
    ends = np.where(same_deal[: len(ends)], ends, NEVER)
    story = outcomes.story
    start = np.maximum(outcomes.seen, facts.story_from[story])
    end = np.minimum(np.where(same, following[: len(same)], NEVER), ends[story])
    place = np.flatnonzero((outcomes.value == WON) & (start < end))
    return story[place], start[place], end[place], place


def _split(
    facts: DealFacts, spells: tuple[Ints, Ints, Ints, Ints]
) -> tuple[Ints, Ints, Ints, Ints]:
    """Cut spells where another amount became known, so that a spell has one amount."""
    story, start, end, place = spells
    amounts = facts.fields["amount"]
    of_spell: dict[int, list[int]] = {}
    for k, one in enumerate(story.tolist()):
        of_spell.setdefault(one, []).append(k)
    inside = np.flatnonzero(np.isin(amounts.story, story))
    cuts = [
        (k, int(amounts.seen[e]))
        for e in inside.tolist()
        for k in of_spell[int(amounts.story[e])]
        if start[k] < amounts.seen[e] < end[k]
    ]
    spell = np.concatenate([np.arange(len(story)), [k for k, _ in cuts]]).astype(np.int64)
    begins = np.concatenate([start, [day for _, day in cuts]]).astype(np.int64)
    pairs = np.unique(np.stack([spell, begins], axis=1), axis=0)
    spell, begins = pairs[:, 0], pairs[:, 1]
    after = np.append(begins[1:], NEVER)[: len(begins)]
    last = np.append(spell[1:] != spell[:-1], True)[: len(begins)]
    return story[spell], begins, np.where(last, end[spell], after), place[spell]


def _on_the_eve(facts: DealFacts, rows: Rows, seen: Ints) -> Rows:
    return replace(rows, story=facts.stories(rows.deal, seen - 1), day=seen - 1)


def _dimensions(
    facts: DealFacts, territories: Territories, eve: Rows, then: Rows
) -> dict[str, Texts]:
    before, told = territories.of(facts, eve), territories.of(facts, then)
    unsaid = {name: np.array([one is None for one in before[name]], bool) for name in told}
    return {name: np.where(unsaid[name], told[name], before[name]) for name in told}


def _foreign(facts: DealFacts, rows: Rows, currency: str) -> Flags:
    code = facts.at("currency", rows)
    return np.asarray(~np.isnan(code) & (code != facts.text_code("currency", currency)))


def _expansion(facts: DealFacts, rows: Rows) -> Flags:
    return np.asarray(facts.at("kind", rows) == facts.text_code("kind", "expansion"))


def _taken(table: Wins | OpenBook, kept: Flags | Ints) -> dict[str, Any]:
    """Return a table's fields with some of the rows."""
    every = {one.name: getattr(table, one.name) for one in fields(table)}
    dimensions = every.pop("dimensions")
    return {
        "dimensions": {name: values[kept] for name, values in dimensions.items()},
        **{name: values[kept] for name, values in every.items()},
    }
