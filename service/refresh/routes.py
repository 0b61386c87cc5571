"""The accounts of each route: those that hold a contract, and those that only order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features.contract_frame import contract_frame, split_notice
from features.frames import account_frame
from features.routes import contract_accounts
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.snapshot import Snapshot

NON_CONTRACTUAL, CONTRACTUAL = "non_contractual", "contractual"


@dataclass(frozen=True)
class RouteFrame:
    """One route's accounts as of a day.

    Attributes
    ----------
    frame
        Features of the accounts to score, one row each.
    noticed
        Features of the accounts that gave notice: listed apart, never scored.
    """

    route: str
    frame: pa.Table
    noticed: pa.Table


def build_route(snapshot: Snapshot, route: str, *, frames_dir: Path) -> RouteFrame:
    """Build the accounts of one route; the frame may be empty.

    An account that holds or held a contract is of the contractual route, whatever it orders beside.
    A duplicate is in neither: its facts are those of the account that it was merged into.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    if route == CONTRACTUAL:
        return RouteFrame(route, *split_notice(contract_frame(snapshot, cache_dir=frames_dir)))
    frame = account_frame(snapshot, cache_dir=frames_dir)
    bound = contract_accounts(snapshot)
    if bound:
        others = pa.array(sorted(bound), pa.string())
        frame = frame.filter(pc.invert(pc.is_in(frame["account_id"], value_set=others)))
    return RouteFrame(route, frame.combine_chunks(), frame.slice(0, 0))


def build_open_lines(snapshot: Snapshot, *, frames_dir: Path) -> pa.Table:
    """Build the features of the contract lines that live and are not decided to end.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    return split_notice(contract_frame(snapshot, unit="subscription", cache_dir=frames_dir))[0]


def build_routes(snapshot: Snapshot, *, frames_dir: Path) -> list[RouteFrame]:
    """Build the routes that have any account as of the snapshot.

    Raises
    ------
    NotEnoughHistoryError
        No account has bought or signed before the snapshot's instant.
    LakeError
        The lake's files cannot be read.
    """
    built = [
        build_route(snapshot, route, frames_dir=frames_dir)
        for route in (NON_CONTRACTUAL, CONTRACTUAL)
    ]
    filled = [one for one in built if one.frame.num_rows or one.noticed.num_rows]
    if not filled:
        raise NotEnoughHistoryError(
            f"no account has bought or signed before {snapshot.day}",
            "orders or subscriptions known by then",
            "ingest them, or stand on a later day",
        )
    return filled
