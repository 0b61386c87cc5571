"""Closes in bulk, as known on a landmark: the record was tidied that day, and nothing was lost.

An owner, a path or these weeks would look bad for it, so such closes teach nothing. What they are
is said with the outcomes (`training.deals.hygiene`); this is the same rule for every landmark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.deals.days import SPAN, Floats, Ints
from features.deals.facts import DealFacts
from features.deals.reading import LOST
from features.deals.streams import last_seen, taken

FEWEST_CLOSES = 20
TIMES_USUAL = 10.0
SILENT_DAYS = 60.0
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sweeps:
    """Losses of silent deals by who closed them and on which day.

    Attributes
    ----------
    group
        Group of each edit of the outcome, shape (e,); -1 = no loss, or the deal was not silent.
    closer
        Who closed the deals of a group, a code, shape (g,).
    """

    group: Ints
    closer: Ints


def find_sweeps(facts: DealFacts) -> Sweeps:
    """Find the losses of deals that had been silent for :data:`SILENT_DAYS`.

    The last contact counts and, while no contact with anybody was known, the last edit.
    """
    outcome = facts.fields["outcome"]
    day = np.floor(outcome.happened)
    group = np.full(len(day), -1, np.int64)
    silent = np.flatnonzero((outcome.value == LOST) & (day - _heard(facts) >= SILENT_DAYS))
    pairs = np.stack([outcome.by[silent], day[silent].astype(np.int64)], axis=1)
    groups, place = np.unique(pairs, axis=0, return_inverse=True)
    group[silent] = place.ravel()
    _, closer = np.unique(groups[:, 0], return_inverse=True)
    return Sweeps(group, closer.astype(np.int64))


def swept(sweeps: Sweeps, place: Ints, closed_on: Floats) -> Flags:
    """Mark the deals closed in bulk: many at once, and far more than that person usually does.

    Parameters
    ----------
    place
        Edit of the outcome that holds for each deal on a landmark, shape (deals,); -1 = none.
    closed_on
        Day of each deal's close; NaN while open.
    """
    group = np.where(place >= 0, sweeps.group[place] if len(sweeps.group) else -1, -1)
    count = np.bincount(group[group >= 0], minlength=len(sweeps.closer))
    if not count.any():
        return np.zeros(len(place), np.bool_)
    total = np.bincount(sweeps.closer, weights=count)[sweeps.closer]
    span = max(float(np.nanmax(closed_on) - np.nanmin(closed_on)), 1.0)
    bulk = (count >= FEWEST_CLOSES) & (count >= TIMES_USUAL * (total - count) / span)
    return np.asarray((group >= 0) & bulk[group])


def _heard(facts: DealFacts) -> Floats:
    """Return when each closed deal was last heard of before the close was known, shape (e,)."""
    outcome, contacts = facts.fields["outcome"], facts.activities
    story, eve = outcome.story, outcome.seen - 1
    created = facts.fields["created"].at(story, eve)
    edits = [taken(stream.happened, stream.last(story, eve)) for stream in facts.fields.values()]
    # contacts come in the order in which they were known: the latest of them so far
    latest = np.maximum.accumulate(contacts.story * SPAN + contacts.happened)
    place = last_seen(contacts.story, contacts.seen, story, eve)
    contact = taken(latest - contacts.story * SPAN, place)
    any_known = contacts.seen.min(initial=SPAN) <= eve
    return np.where(any_known, np.fmax(contact, created), np.fmax.reduce(edits))
