"""Contacts about deals: e-mails, calls and meetings, by story and by when we knew them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.deals.days import Floats, Ints, local_days, numbers, seen_days
from features.deals.reading import coded, places_of, read_table, words_of
from lifecycle.snapshot import Snapshot

if TYPE_CHECKING:
    from features.deals.fields import Source

IN, OUT = 1.0, 0.0
"""Codes of the direction: from them, from us."""

_COLUMNS = ("occurred_at", "kind", "direction", "outcome", "contact_id", "owner_id",
            "people_count", "sentiment")  # fmt: skip


@dataclass(frozen=True)
class Contacts:
    """Activities as read: rows sorted by deal and by when they were known.

    Attributes
    ----------
    deal, void
        Deal and first day on which the row no longer counts, shape (r,).
    known, happened
        The two clocks (days), shape (r,).
    values
        Columns by name, as in :class:`Activities`, shape (r,).
    words
        Kinds, outcomes and contacts, in order of their codes.
    """

    deal: Ints
    void: Ints
    known: Floats
    happened: Floats
    values: dict[str, Floats]
    words: dict[str, pa.Array]


@dataclass(frozen=True)
class Activities:
    """Activities sorted by story and by when we knew them, shape (a,).

    Attributes
    ----------
    story
        Story of the deal.
    seen
        First day that knows it.
    happened
        When it took place (days, with fraction).
    values
        ``kind``, ``outcome``, ``contact``, ``owner`` as codes of ``words``, ``direction``
        (:data:`IN` or :data:`OUT`), ``people``, ``sentiment``; NaN where not said.
    words
        Texts in order of their codes.
    """

    story: Ints
    seen: Ints
    happened: Floats
    values: dict[str, Floats]
    words: dict[str, pa.Array]

    def is_(self, field: str, word: str) -> np.ndarray:
        """Mark the activities whose kind, outcome … is a word, shape (a,)."""
        code = pc.index(self.words[field], word).as_py()
        return np.asarray(self.values[field] == code)


def read_activities(snapshot: Snapshot, ids: pa.Array) -> Contacts:
    """Read the activities about the given deals.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    order = ("opportunity_id", "known_at", "occurred_at", "activity_id", "batch_id")
    rows = read_table(snapshot, "activities", _COLUMNS, order=order)
    rows = rows.filter(pc.is_in(rows["opportunity_id"], value_set=ids))
    table = coded(rows, ids, snapshot)
    words, values = {}, {}
    for field, column in (("kind", "kind"), ("outcome", "outcome"), ("contact", "contact_id"),
                          ("owner", "owner_id")):  # fmt: skip
        words[field] = words_of(table.text(column))
        values[field] = places_of(table.text(column), words[field])
    values["direction"] = places_of(table.text("direction"), pa.array(["out", "in"]))
    values["people"] = numbers(rows["people_count"])
    values["sentiment"] = numbers(rows["sentiment"])
    happened = local_days(rows["occurred_at"], snapshot.zone)
    return Contacts(table.deal, table.void, table.known, happened, values, words)


def build_activities(contacts: Contacts, source: Source) -> Activities:
    """Tell the activities in every story in which they still count."""
    place, story = source.spread(contacts.deal, contacts.void)
    order = np.lexsort((place, contacts.known[place], story))
    place, story = place[order], story[order]
    values = {name: column[place] for name, column in contacts.values.items()}
    return Activities(
        story, seen_days(contacts.known[place]), contacts.happened[place],
        values, contacts.words,
    )  # fmt: skip
