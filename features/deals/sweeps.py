"""Closes in bulk: the record was tidied that day, and nothing was lost.

An owner, a path or these weeks would look bad for it, so such closes teach nothing. A day counts on
which one person (anyone, where nobody is named) closes as lost at least :data:`FEWEST_CLOSES` deals
that had been silent for :data:`SILENT_DAYS`, and :data:`TIMES_USUAL` times as many as that person
does on a usual day (the mean over the other days). Features ask it for every landmark, outcomes
(`training.deals.hygiene`) for the day on which they are known.
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
INSTANT = 1e-4
"""Days within which two clocks tell the same instant (nine seconds)."""

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
    """Find the losses of deals that had been silent for :data:`SILENT_DAYS`."""
    outcome = facts.fields["outcome"]
    day = np.floor(outcome.happened)
    group = np.full(len(day), -1, np.int64)
    silent = np.flatnonzero((outcome.value == LOST) & (day - last_heard(facts) >= SILENT_DAYS))
    group[silent], closer = group_closes(find_closers(facts)[silent], day[silent])
    return Sweeps(group, closer)


def swept(sweeps: Sweeps, place: Ints, closed_on: Floats) -> Flags:
    """Mark the deals closed in bulk.

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
    span = float(np.nanmax(closed_on) - np.nanmin(closed_on))
    return np.asarray((group >= 0) & are_bulk(count, sweeps.closer, span)[group])


def group_closes(by: Ints, day: Floats) -> tuple[Ints, Ints]:
    """Group closes by who made them and on which day.

    Parameters
    ----------
    by, day
        Code of the person (-1 = nobody named) and whole day of each close, shape (k,).

    Returns
    -------
    ndarray, ndarray
        Group of each close, shape (k,), and who closed the deals of a group, a code, (g,).
    """
    pairs = np.stack([by, day.astype(np.int64)], axis=1)
    groups, place = np.unique(pairs, axis=0, return_inverse=True)
    _, closer = np.unique(groups[:, 0], return_inverse=True)
    return place.ravel().astype(np.int64), closer.astype(np.int64)


def are_bulk(count: Ints, closer: Ints, span_days: float) -> Flags:
    """Mark the groups that are closes in bulk, shape (g,).

    Parameters
    ----------
    count, closer
        Silent deals lost and who closed them, by group, shape (g,).
    span_days
        Days between the first and the last close of all.

    Examples
    --------
    >>> are_bulk(np.array([25, 1]), np.array([0, 0]), 100.0).tolist()
    [True, False]
    """
    total = np.bincount(closer, weights=count)[closer]
    usual = (total - count) / max(span_days, 1.0)
    return np.asarray((count >= FEWEST_CLOSES) & (count >= TIMES_USUAL * usual))


def find_closers(facts: DealFacts) -> Ints:
    """Return who told each outcome, shape (e,); -1 = nobody is named.

    Where only the stage was moved, who moved it.
    """
    outcome, stage = facts.fields["outcome"], facts.fields["stage"]
    if not len(stage.story):
        return outcome.by
    story, known = outcome.story, outcome.known
    # within a story edits are sorted by when they were known: the last one up to this instant
    keys = stage.story * float(SPAN) + stage.known
    place = np.maximum(np.searchsorted(keys, story * float(SPAN) + known + INSTANT) - 1, 0)
    same = (stage.story[place] == story) & (np.abs(stage.known[place] - known) < 2 * INSTANT)
    return np.where((outcome.by < 0) & same, stage.by[place], outcome.by)


def last_heard(facts: DealFacts) -> Floats:
    """Return when each closed deal was last heard of before the close was known, shape (e,).

    The last contact counts and, while no contact with anybody was known, the last edit; a deal
    that was never heard of has been silent since it was opened.
    """
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
