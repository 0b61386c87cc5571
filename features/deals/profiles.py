"""Who stands behind a deal: the account's segment and the owner's team, as known on each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.deals.days import Floats, Ints, date_days, local_days, seen_days
from features.deals.facts import DealFacts, Rows
from features.deals.merged import Merges, read_merges, survivors
from features.deals.reading import places_of, whole, words_of
from features.deals.streams import Edits, taken
from features.deals.visible import places_in
from lifecycle.snapshot import Snapshot


@dataclass(frozen=True)
class Profiles:
    """Streams keyed by account or owner code instead of a story.

    Attributes
    ----------
    merges
        Which account stands for which.
    places
        Code in ``merges.ids`` of each account that deals name, shape (accounts,).
    segment, team
        Codes of ``segments`` and ``teams``.
    segments, teams
        Texts in order of their codes.
    """

    merges: Merges
    places: Ints
    segment: Edits
    team: Edits
    segments: pa.Array
    teams: pa.Array

    def segment_of(self, account: Floats, day: Ints) -> Floats:
        """Return the segment's code of accounts as known on days, shape (m,); NaN = none.

        That of the account which stands for it by then, or else its own.

        Parameters
        ----------
        account
            Codes of the accounts that deals name; NaN = none.
        day
            Landmarks.
        """
        known = ~np.isnan(account)
        code = np.full(len(account), -1, np.int64)
        code[known] = self.places[account[known].astype(np.int64)]
        survivor = survivors(self.merges, code, day)
        found, own = (_of(self.segment, _codes(one), day) for one in (survivor, code))
        return np.where(np.isnan(found), own, found)

    def segments_of(self, facts: DealFacts, rows: Rows) -> pa.Array:
        """Return the segment of each row's account, length m; null where unknown."""
        return _texts(self.segments, self.segment_of(facts.at("account", rows), rows.day))

    def teams_of(self, facts: DealFacts, rows: Rows) -> pa.Array:
        """Return the team of each row's owner, length m; null where unknown."""
        return _texts(self.teams, _of(self.team, facts.at("owner", rows), rows.day))


def read_profiles(snapshot: Snapshot, facts: DealFacts) -> Profiles:
    """Read segments of accounts and teams of owners, all versions.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    accounts = snapshot.versions("accounts").filter(lambda rows: rows.segment.notnull())
    people = snapshot.collect(
        accounts.select("account_id", "known_at", "batch_id", "segment")
        .order_by(["account_id", "known_at", "batch_id"])
    )  # fmt: skip
    owners = snapshot.versions("owners").filter(lambda rows: rows.team.notnull())
    posts = snapshot.collect(
        owners.select("owner_id", "effective_from", "known_at", "batch_id", "team")
        .order_by(["owner_id", "known_at", "effective_from", "batch_id"])
    )  # fmt: skip
    merges = read_merges(snapshot)
    segments, teams = words_of(whole(people["segment"])), words_of(whole(posts["team"]))
    seen = seen_days(local_days(people["known_at"], snapshot.zone))
    account = places_of(whole(people["account_id"]), merges.ids)
    segment = _stream(
        account, seen, places_of(whole(people["segment"]), segments), at=seen.astype(np.float64)
    )
    owner = places_of(whole(posts["owner_id"]), facts.words["owner"])
    since = date_days(posts["effective_from"])
    seen = np.maximum(seen_days(local_days(posts["known_at"], snapshot.zone)), since)
    team = _stream(owner, seen.astype(np.int64), places_of(whole(posts["team"]), teams), at=since)
    places = places_in(facts.words["account"], merges.ids)
    return Profiles(merges, places, segment, team, segments, teams)


def _stream(who: Floats, seen: Ints, value: Floats, *, at: Floats) -> Edits:
    """Sort by who and by the day from which a row holds; older posts told later move nothing."""
    order = np.lexsort((np.arange(len(who)), at, seen, who))
    order = order[~np.isnan(who[order])]
    key, since = who[order].astype(np.int64), at[order]
    _, rank = np.unique(since, return_inverse=True)
    base = key * (len(rank) + 1) + rank
    order = order[np.maximum.accumulate(base) <= base] if len(base) else order
    none = np.full(len(order), -1)
    return Edits(who[order].astype(np.int64), seen[order], at[order], at[order], value[order], none)


def _of(stream: Edits, who: Floats, day: Ints) -> Floats:
    known = ~np.isnan(who)
    place = stream.last(np.where(known, who, 0).astype(np.int64), day)
    return taken(stream.value, np.where(known, place, -1))


def _codes(places: Ints) -> Floats:
    return np.where(places < 0, np.nan, places)


def _texts(words: pa.Array, codes: Floats) -> pa.Array:
    none = np.isnan(codes)
    return words.take(pa.array(np.where(none, 0, codes).astype(np.int64), mask=none))
