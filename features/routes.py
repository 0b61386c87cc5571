"""Which accounts are bound by contract: those are judged by the contractual route."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from features.lines import build_lines
from lifecycle.snapshot import Snapshot


def contract_accounts(snapshot: Snapshot) -> frozenset[str]:
    """Return the ids of accounts that hold or held a contract, as known by then.

    A duplicate that was merged away and the account it became are both in it. Every other account
    with orders is non-contractual; accounts whose lines were all free or tests are none of these.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    if not snapshot.holds("subscriptions"):
        return frozenset()
    lines = build_lines(snapshot)
    started = pc.less(lines["started_on"], pa.scalar(snapshot.day))
    held = lines.filter(started)
    return frozenset(held["account_id"].to_pylist()) | frozenset(held["held_by_id"].to_pylist())
