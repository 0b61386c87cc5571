"""Facts of deals turned into what is known of their outcomes on a day."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from features.deals.facts import DealFacts
from features.deals.states import known_from
from features.deals.streams import Edits
from models.base import FloatArray
from training.deals.hygiene import EPOCH, find_hygiene
from training.deals.outcomes import Known
from training.deals.turns import OPEN, SPAN, Turns, build_turns

INSTANT = 1e-4
"""Days within which two clocks tell the same instant (nine seconds)."""


def read_known(facts: DealFacts, known_on: date) -> Known:
    """Return how deals turned, what was tidied, and what they came to, as known before a day.

    Parameters
    ----------
    facts
        Facts as of that day or a later one.
    known_on
        Only facts known before this day are used.
    """
    day = (known_on - EPOCH).days
    story = facts.stories(np.arange(facts.count), np.full(facts.count, day))
    is_told = np.zeros(len(facts.story_deal), dtype=bool)
    is_told[story] = True
    outcome = facts.fields["outcome"]
    seen = np.flatnonzero(is_told[outcome.story] & (outcome.seen <= day))
    turns = build_turns(
        facts.story_deal[outcome.story[seen]],
        outcome.happened[seen],
        outcome.value[seen].astype(np.int64),
        known=outcome.known[seen],
        by=_find_closers(facts, seen),
    )
    amount = facts.fields["amount"].at(story, np.full(facts.count, day))
    heard = find_silent_since(facts, turns, is_told=is_told, day=day)
    return Known(known_on, turns, find_hygiene(turns, heard), amount)


def find_silent_since(
    facts: DealFacts, turns: Turns, *, is_told: NDArray[np.bool_], day: int
) -> FloatArray:
    """Return when each turn's deal was last heard of before the turn's day, shape (k,).

    The last contact counts; where the source has no contacts at all, the last edit; a deal that
    was never heard of has been silent since it was opened.

    Parameters
    ----------
    is_told
        Shape (stories,): the stories that hold on the day.
    day
        Day number before which facts have to be known.
    """
    created = _last_before(facts, facts.fields["created"], turns, is_told=is_told, day=day)
    contacts = facts.activities
    if len(contacts.story):
        here = is_told[contacts.story] & (contacts.seen <= day)
        deal = facts.story_deal[contacts.story[here]]
        heard = _last(deal, contacts.happened[here], turns)
        return np.fmax(heard, created)
    edits = [
        _last_before(facts, stream, turns, is_told=is_told, day=day)
        for stream in facts.fields.values()
    ]
    return np.asarray(np.fmax.reduce(edits))


def _find_closers(facts: DealFacts, places: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return who told each outcome: where only the stage was moved, who moved it; -1 nobody."""
    outcome, stage = facts.fields["outcome"], facts.fields["stage"]
    named = outcome.by[places].astype(np.int64)
    if not len(stage.story):
        return named
    story, known = outcome.story[places], outcome.known[places]
    # within a story edits are sorted by when they were known: the last one up to this instant
    keys = stage.story * float(SPAN) + stage.known
    place = np.maximum(np.searchsorted(keys, story * float(SPAN) + known + INSTANT) - 1, 0)
    same = (stage.story[place] == story) & (np.abs(stage.known[place] - known) < 2 * INSTANT)
    return np.where((named < 0) & same, stage.by[place], named)


def _last_before(
    facts: DealFacts, stream: Edits, turns: Turns, *, is_told: NDArray[np.bool_], day: int
) -> FloatArray:
    here = is_told[stream.story] & (stream.seen <= day)
    return _last(facts.story_deal[stream.story[here]], stream.happened[here], turns)


def _last(deal: NDArray[np.int64], happened: FloatArray, turns: Turns) -> FloatArray:
    """Return the day of the last event of each turn's deal before the turn's day; NaN = none."""
    if not len(deal):
        return np.full(len(turns.deal), np.nan)
    keys = np.sort(deal * SPAN + np.floor(happened).astype(np.int64))
    asked = turns.deal * SPAN + np.floor(turns.happened).astype(np.int64)
    place = np.searchsorted(keys, asked) - 1
    found = keys[np.maximum(place, 0)]
    mine = (place >= 0) & (found // SPAN == turns.deal)
    return np.where(mine, (found - turns.deal * SPAN).astype(np.float64), np.nan)


def find_never_open(facts: DealFacts) -> NDArray[np.bool_]:
    """Return which deals were closed when first heard of, shape (deals,).

    Of those nobody can say what they looked like while they were open.
    """
    outcome, day = facts.fields["outcome"], np.full(facts.count, facts.today)
    story = facts.stories(np.arange(facts.count), day)
    heard = known_from(facts)[story]
    return np.asarray(np.nan_to_num(outcome.at(story, heard)) != OPEN)
