"""One field of all deals as a stream: what was told of it, in the order in which we knew it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.deals.days import SPAN, Floats, Ints, seen_days

IMPLIED, CHANGE, VERSION = 0, 1, 2
"""Who tells a value; of two that are known at one instant the greater one stands."""


@dataclass(frozen=True)
class Told:
    """Values told of one field, in any order.

    Attributes
    ----------
    story
        Of which story of which deal, shape (e,).
    known, happened
        The two clocks (days of the company's zone), shape (e,).
    value
        What was told; never NaN.
    by
        Code of who told it; -1 = not said.
    teller
        :data:`IMPLIED`, :data:`CHANGE` or :data:`VERSION`.
    before
        What is said to have stood there before; NaN = not said.
    """

    story: Ints
    known: Floats
    happened: Floats
    value: Floats
    by: Ints
    teller: Ints
    before: Floats

    def take(self, places: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Told:
        """Return some of the rows."""
        return Told(*(getattr(self, name)[places] for name in _TOLD))


_TOLD = ("story", "known", "happened", "value", "by", "teller", "before")


@dataclass(frozen=True)
class Edits:
    """The distinct values of one field, each told once, sorted by story and by when we knew it.

    Attributes
    ----------
    story
        Story of the deal, ascending, shape (e,).
    seen
        First day that knows the value.
    known, happened
        The two clocks (days of the company's zone, with their fraction).
    value
        Code, amount (minor) or day number.
    by
        Owner code of who made the edit; -1 = not said.
    """

    story: Ints
    seen: Ints
    known: Floats
    happened: Floats
    value: Floats
    by: Ints

    def take(self, kept: npt.NDArray[np.bool_]) -> Edits:
        """Return some of the edits."""
        return Edits(
            self.story[kept], self.seen[kept], self.known[kept], self.happened[kept],
            self.value[kept], self.by[kept],
        )  # fmt: skip

    def last(self, story: Ints, day: Ints) -> Ints:
        """Return the place of the edit that stands on each day, shape (m,); -1 = none."""
        return last_seen(self.story, self.seen, story, day)

    def at(self, story: Ints, day: Ints) -> Floats:
        """Return the value that stands on each day, shape (m,); NaN = nothing was told."""
        return taken(self.value, self.last(story, day))

    def count(self, marked: npt.NDArray[np.generic], story: Ints, day: Ints) -> Floats:
        """Return how many marked edits (or the sum of whole amounts) were seen by each day."""
        amounts = marked.astype(np.int64)
        return summed(self.story, self.seen, amounts, story=story, day=day).astype(np.float64)

    @property
    def is_first(self) -> npt.NDArray[np.bool_]:
        """Whether a value is the first that was told of its story, shape (e,)."""
        return np.append(True, self.story[1:] != self.story[:-1])[: len(self.story)]

    @property
    def before(self) -> Floats:
        """The value that stood there before, shape (e,); NaN of a first one."""
        return np.where(self.is_first, np.nan, np.roll(self.value, 1))


def last_seen(key_story: Ints, key_seen: Ints, story: Ints, day: Ints) -> Ints:
    """Return the place of the last fact of a story seen by a day, shape (m,); -1 = none.

    Parameters
    ----------
    key_story, key_seen
        The facts, sorted by story and then by the first day that knows them, shape (e,).
    story, day
        What is asked, shape (m,).
    """
    place = np.searchsorted(key_story * SPAN + key_seen, story * SPAN + day, side="right") - 1
    if not len(key_story):
        return np.full(len(story), -1, np.int64)
    return np.where((place >= 0) & (key_story[place] == story), place, -1)


def summed(key_story: Ints, key_seen: Ints, amounts: Ints, *, story: Ints, day: Ints) -> Ints:
    """Return the sum of whole amounts over a story's facts seen by a day, shape (m,).

    Whole numbers only: a running sum of fractions would depend on the stories before it.

    Parameters
    ----------
    key_story, key_seen, amounts
        The facts, sorted by story and then by the first day that knows them, shape (e,).
    story, day
        What is asked, shape (m,).
    """
    total = np.append(0, np.cumsum(amounts))
    place = last_seen(key_story, key_seen, story, day)
    return np.where(place < 0, 0, total[place + 1] - total[np.searchsorted(key_story, story)])


def taken(values: npt.NDArray[np.generic], places: Ints) -> Floats:
    """Return values at places as float64, NaN where a place is -1."""
    if not len(values):
        return np.full(len(places), np.nan)
    return np.where(places < 0, np.nan, values[places].astype(np.float64))


def merge_edits(told: Told) -> Edits:
    """Merge what versions and changes told of one field into its distinct values.

    A change that happened before one we already knew of tells of the past and moves nothing; a
    value told twice, as a change and in the version that follows, counts once; where the first
    that we hear of a field is a change, what it says of before stood there first.
    """
    told = told.take(np.lexsort((told.happened, told.teller, told.known, told.story)))
    told = told.take(~_out_of_order(told))
    told = _with_before(told)
    same = (told.story[1:] == told.story[:-1]) & (told.value[1:] == told.value[:-1])
    told = told.take(np.append(True, ~same)[: len(told.story)])
    return Edits(told.story, seen_days(told.known), told.known, told.happened, told.value, told.by)


def _out_of_order(told: Told) -> npt.NDArray[np.bool_]:
    _, rank = np.unique(told.happened, return_inverse=True)
    is_version = told.teller == VERSION
    base = told.story * (len(rank) + 1)
    latest = np.maximum.accumulate(base + np.where(is_version, 0, rank + 1))
    return np.asarray(~is_version & (latest > base + rank + 1))


def _with_before(told: Told) -> Told:
    first = np.append(True, told.story[1:] != told.story[:-1])[: len(told.story)]
    missing = np.flatnonzero(first & ~np.isnan(told.before))
    if not len(missing):
        return told
    places = np.insert(np.arange(len(told.story)), missing, missing)
    longer = told.take(places)
    value = longer.value.copy()
    value[missing + np.arange(len(missing))] = told.before[missing]
    return Told(longer.story, longer.known, longer.happened, value, longer.by, longer.teller,
                longer.before)  # fmt: skip
