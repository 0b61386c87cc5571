"""Who of theirs is in contact about a deal: those who decide, sign or buy, as known by then."""

from __future__ import annotations

import re

import numpy as np

from features.deals.days import NEVER, Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.streams import summed
from features.deals.visible import VisibleRows, read_visible
from lifecycle.snapshot import Snapshot

DECIDES = re.compile(
    r"exec|sponsor|director|chief|president|founder|owner|c[_ -]?level|c-suite|legal|counsel"
    r"|procure|purchas|buyer|(^|[^a-z])(c[efimot]o|[se]?vp|vice|head|board)([^a-z]|$)"
)
"""Roles and levels of people who decide, sign or buy, in lower case."""


def build_people_columns(facts: DealFacts, rows: Rows, snapshot: Snapshot) -> dict[str, Floats]:
    """Build ``senior_contacts_count``, shape (rows,); NaN while nobody's role is known.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    columns = ("contact_id", "role", "seniority", "is_sponsor")
    people = read_visible(snapshot, "contacts", columns, order=("contact_id",))
    told = people.has("role") | people.has("seniority") | people.has("is_sponsor")
    known = int(people.from_day[told].min(initial=NEVER))
    since = _senior_since(facts, people)
    story, seen = _first_met(facts, since)
    ones = np.ones(len(story), np.int64)
    count = summed(story, seen, ones, story=rows.story, day=rows.day)
    return {"senior_contacts_count": np.where(rows.day >= known, count, np.nan)}


def _senior_since(facts: DealFacts, people: VisibleRows) -> Ints:
    """Return the first day that knows each contact of deals to be senior, shape (contacts,)."""
    words = facts.activities.words["contact"]
    senior = people.floats("is_sponsor") == 1.0
    for name in ("role", "seniority"):
        texts = [bool(one) and DECIDES.search(one.lower()) for one in people.rows[name].to_pylist()]
        senior |= np.array([bool(one) for one in texts], np.bool_)
    code = people.codes("contact_id", words)
    since = np.full(len(words), NEVER, np.int64)
    here = senior & (code >= 0)
    np.minimum.at(since, code[here], people.from_day[here])
    return since


def _first_met(facts: DealFacts, since: Ints) -> tuple[Ints, Ints]:
    """Return story and first day known of each senior contact of a deal, by story and day."""
    told = facts.activities
    named = np.flatnonzero(~np.isnan(told.values["contact"]))
    contact = told.values["contact"][named].astype(np.int64)
    seen = np.maximum(told.seen[named], since[contact])
    order = np.lexsort((seen, contact, told.story[named]))
    pairs = np.stack([told.story[named][order], contact[order]], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    story, seen = pairs[first, 0], seen[order][first]
    order = np.lexsort((seen, story))
    order = order[seen[order] < NEVER]
    return story[order], seen[order]
