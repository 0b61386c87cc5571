"""The region of an owner as known on each day, and with it every dimension that deals lie in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.deals.days import Floats, Ints, date_days, local_days, seen_days
from features.deals.facts import DealFacts, Rows
from features.deals.profiles import Profiles, read_profiles
from features.deals.reading import places_of, whole, words_of
from features.deals.streams import last_seen, taken
from lifecycle.snapshot import Snapshot

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Territories:
    """Who stands behind a deal, for sums by node.

    Attributes
    ----------
    profiles
        Segments of accounts and teams of owners.
    owner, since, region
        Posts in order: owner code of the deals' words, first day on which the post is known and
        holds, and code of ``regions``; shape (p,).
    regions
        Texts in order of their codes.
    """

    profiles: Profiles
    owner: Ints
    since: Ints
    region: Floats
    regions: pa.Array

    def of(self, facts: DealFacts, rows: Rows) -> dict[str, Texts]:
        """Return segment, region, team, owner and product of rows by dimension, (m,) each.

        As they stood on each row's day; None where nobody said.
        """
        owner = facts.at("owner", rows)
        code = np.where(np.isnan(owner), -1, owner).astype(np.int64)
        place = last_seen(self.owner, self.since, code, rows.day)
        found = {
            "segment": self.profiles.segments_of(facts, rows),
            "region": _texts(self.regions, taken(self.region, place)),
            "team": self.profiles.teams_of(facts, rows),
            "owner": facts.text("owner", rows),
            "product": facts.text("product", rows),
        }
        return {name: as_objects(texts) for name, texts in found.items()}


def read_territories(snapshot: Snapshot, facts: DealFacts) -> Territories:
    """Read regions, teams and segments, all versions.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    posts = snapshot.versions("owners")
    posts = snapshot.collect(
        posts.filter(posts.region.notnull())
        .select("owner_id", "effective_from", "known_at", "batch_id", "region")
        .order_by(["owner_id", "known_at", "effective_from", "batch_id"])
    )
    regions = words_of(whole(posts["region"]))
    owner = places_of(whole(posts["owner_id"]), facts.words["owner"])
    starts = np.nan_to_num(date_days(posts["effective_from"]), nan=0.0)
    seen = np.maximum(seen_days(local_days(posts["known_at"], snapshot.zone)), starts)
    order = np.lexsort((starts, seen, owner))
    order = order[~np.isnan(owner[order])]
    order = order[_moving_on(owner[order], starts[order])]
    return Territories(
        read_profiles(snapshot, facts),
        owner[order].astype(np.int64),
        seen[order].astype(np.int64),
        places_of(whole(posts["region"]), regions)[order],
        regions,
    )


def as_objects(texts: pa.Array) -> Texts:
    """Return texts as an array of str or None, shape (n,)."""
    return np.array(texts.to_pylist(), dtype=object)


def _moving_on(owner: Floats, starts: Floats) -> npt.NDArray[np.bool_]:
    """Mark posts that no later post of the same owner was known before, (p,)."""
    _, rank = np.unique(starts, return_inverse=True)
    base = owner.astype(np.int64) * (len(rank) + 1) + rank
    return np.asarray(np.maximum.accumulate(base) <= base) if len(base) else base.astype(bool)


def _texts(words: pa.Array, codes: Floats) -> pa.Array:
    none = np.isnan(codes)
    return words.take(pa.array(np.where(none, 0, codes).astype(np.int64), mask=none))
