"""What a deal is worth as its seller sees it, against other deals, and how that view moved.

Amounts stay in the deal's own currency: nothing is converted, and deals are compared only within
segment and currency.
"""

from __future__ import annotations

import numpy as np

from features.deals.days import Floats, Ints
from features.deals.facts import DealFacts, Rows
from features.deals.profiles import Profiles
from features.deals.streams import taken

FEWEST_PEERS = 20
"""Fewer deals make no scale of a segment."""


def build_amount_columns(facts: DealFacts, rows: Rows, profiles: Profiles) -> dict[str, Floats]:
    """Build the amount, its edits and what is offered, each of shape (m,)."""
    amounts = facts.fields["amount"]
    place = amounts.last(rows.story, rows.day)
    amount = taken(amounts.value, place)
    first = taken(amounts.value, _first_places(amounts.story, rows.story, place))
    moved = np.nan_to_num(amounts.value - amounts.before)
    mean, spread = _peers(facts, rows, profiles)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(amount)
        return {
            "amount_minor": amount,
            "amount_log": log,
            "amount_z": (log - mean) / spread,
            "amount_edits_count": amounts.count(moved != 0, rows.story, rows.day),
            "amount_ups_count": amounts.count(moved > 0, rows.story, rows.day),
            "amount_downs_count": amounts.count(moved < 0, rows.story, rows.day),
            "amount_change_log": log - np.log(first),
            "amount_edit_days": rows.day - taken(amounts.happened, place),
            "discount_share": facts.at("discount", rows),
            "term_months": facts.at("term", rows),
            "has_competitor": (~np.isnan(facts.at("competitor", rows))).astype(np.float64),
        }


def _first_places(key_story: Ints, story: Ints, place: Ints) -> Ints:
    return np.where(place < 0, -1, np.searchsorted(key_story, story))


def _peers(facts: DealFacts, rows: Rows, profiles: Profiles) -> tuple[Floats, Floats]:
    """Return mean and deviation of the log of first amounts of a segment and currency, so far."""
    amounts = facts.fields["amount"]
    first = np.flatnonzero(amounts.is_first & facts.own(amounts))
    first = first[np.lexsort((facts.story_deal[amounts.story[first]], amounts.seen[first]))]
    seen = amounts.seen[first]
    group = _group(facts, profiles, amounts.story[first], seen)
    asked = _group(facts, profiles, rows.story, rows.day)
    log = np.log(amounts.value[first])
    mean, spread = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for one in np.unique(asked):
        here, peers = np.flatnonzero(asked == one), group == one
        count = np.searchsorted(seen[peers], rows.day[here], side="right")
        total, squares = (np.append(0, np.cumsum(log[peers] ** n)) for n in (1, 2))
        enough = np.where(count >= FEWEST_PEERS, count, np.nan)
        mean[here] = total[count] / enough
        variance = np.maximum(squares[count] / enough - mean[here] ** 2, 0)
        spread[here] = np.where(variance > 0, np.sqrt(variance), np.nan)
    return mean, spread


def _group(facts: DealFacts, profiles: Profiles, story: Ints, day: Ints) -> Ints:
    """Return a number for each pair of segment and currency; no segment is one too."""
    account = facts.fields["account"].at(story, day)
    segment = np.nan_to_num(profiles.segment_of(account, day), nan=-1)
    currency = np.nan_to_num(facts.fields["currency"].at(story, day), nan=-1)
    return np.asarray(segment * 1000 + currency, np.int64)
