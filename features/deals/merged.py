"""Accounts that deals are with, and which account stands for which as known on a landmark."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa

from features.deals.days import Ints
from features.deals.visible import VisibleRows, read_visible
from lifecycle.snapshot import Snapshot

_DOUBLINGS = 3
"""As `features.merges` does: chains of up to 2 ** 3 merges are followed."""


@dataclass(frozen=True)
class Merges:
    """Duplicates found to be one account.

    Attributes
    ----------
    ids
        Accounts of deals and of merges, sorted; their places are the accounts' codes.
    rows
        Rows of ``account_merges``, the later further down.
    duplicate, into
        Codes of the two sides of each.
    """

    ids: pa.Array
    rows: VisibleRows
    duplicate: Ints
    into: Ints


def accounts_of_deals(snapshot: Snapshot) -> ibis.Table:
    """Return a table ``account_id`` of the accounts that deals or merges name."""
    deals = snapshot.versions("opportunities")
    merges = snapshot.versions("account_merges")
    found = ibis.union(
        deals.select("account_id"),
        merges.select("account_id"),
        merges.select(account_id="into_account_id"),
        distinct=True,
    )
    return found.filter(found.account_id.notnull())


def read_merges(snapshot: Snapshot) -> Merges:
    """Read the merges of accounts.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    near = snapshot.collect(accounts_of_deals(snapshot).order_by("account_id"))
    ids = near["account_id"].combine_chunks()
    rows = read_visible(snapshot, "account_merges", ("account_id", "into_account_id"))
    duplicate, into = (rows.codes(name, ids) for name in ("account_id", "into_account_id"))
    return Merges(ids, rows, duplicate, into)


def stand_ins(merges: Merges, day: int) -> Ints:
    """Return the code of the account that stands for each on a landmark, shape (accounts,)."""
    stands = np.arange(len(merges.ids))
    seen = merges.rows.at(day)
    seen = seen[merges.duplicate[seen] != merges.into[seen]]
    stands[merges.duplicate[seen]] = merges.into[seen]
    for _ in range(_DOUBLINGS):
        stands = stands[stands]
    return stands


def survivors(merges: Merges, account: Ints, day: Ints) -> Ints:
    """Return the account that stands for each one on its day, shape (m,); -1 stays -1.

    Parameters
    ----------
    account, day
        Codes of ``merges.ids`` (-1 = none) and landmarks, shape (m,).
    """
    # who stands for whom is another only where a merge comes to be known, or is taken back
    turns = np.unique(np.concatenate([merges.rows.from_day, merges.rows.to_day]))
    since = np.searchsorted(turns, day, side="right")
    found = account.copy()
    for place in np.unique(since[since > 0]):
        here = (since == place) & (account >= 0)
        found[here] = stand_ins(merges, int(turns[place - 1]))[account[here]]
    return found
