"""Facts of deals turned into what is known of their outcomes on a day."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from features.deals.facts import DealFacts
from features.deals.states import known_from
from features.deals.sweeps import find_closers, last_heard
from training.deals.hygiene import EPOCH, find_hygiene
from training.deals.outcomes import Known
from training.deals.turns import OPEN, Turns, find_turns


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
    deal, state = facts.story_deal[outcome.story[seen]], outcome.value[seen].astype(np.int64)
    turned = find_turns(deal, outcome.happened[seen], state, known=outcome.known[seen])
    place = seen[turned]
    turns = Turns(deal[turned], outcome.happened[place], state[turned], find_closers(facts)[place])
    amount = facts.fields["amount"].at(story, np.full(facts.count, day))
    return Known(known_on, turns, find_hygiene(turns, last_heard(facts)[place]), amount)


def find_never_open(facts: DealFacts) -> NDArray[np.bool_]:
    """Return which deals were closed when first heard of, shape (deals,).

    Of those nobody can say what they looked like while they were open.
    """
    outcome, day = facts.fields["outcome"], np.full(facts.count, facts.today)
    story = facts.stories(np.arange(facts.count), day)
    heard = known_from(facts)[story]
    return np.asarray(np.nan_to_num(outcome.at(story, heard)) != OPEN)
