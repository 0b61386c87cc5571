"""What surrounds a deal on a landmark: its owner, its account, its path, and the own fields."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from features.deals.accounts import ACCOUNT_COLUMNS, build_account_columns
from features.deals.days import Floats
from features.deals.facts import DealFacts, Rows
from features.deals.own_fields import build_own_field_columns
from features.deals.owners import OWNER_COLUMNS, build_owner_columns
from features.deals.paths import PATH_COLUMNS, build_path_columns
from lifecycle.snapshot import Snapshot

CONTEXT_COLUMNS = (*OWNER_COLUMNS, *ACCOUNT_COLUMNS, *PATH_COLUMNS)
"""Columns of the deal frame that this module builds, besides the company's own fields."""


def add_context(
    facts: DealFacts, rows: Rows, snapshot: Snapshot, *, allow: Collection[str] = ()
) -> dict[str, Floats | pa.Array]:
    """Build every column of the context, each of length (rows,); own fields come last.

    Parameters
    ----------
    facts
        All that ``snapshot`` tells of deals.
    rows
        Deals on landmarks, none after the snapshot's day.
    allow
        Own fields let in although their names are forbidden.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return {
        **build_owner_columns(facts, rows, snapshot),
        **build_account_columns(facts, rows, snapshot),
        **build_path_columns(facts, rows),
        **build_own_field_columns(facts, rows, snapshot, allow=allow),
    }
