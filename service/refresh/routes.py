"""The accounts of each route: those that hold a contract, and those that only order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features.contract_frame import contract_frame, split_notice
from features.frames import account_frame
from features.routes import contract_accounts
from lifecycle.errors import NotEnoughHistoryError
from lifecycle.merges import read_survivors
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
    A duplicate is left out where the account that it was merged into is there.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    if route == CONTRACTUAL:
        return RouteFrame(route, *split_notice(contract_frame(snapshot, cache_dir=frames_dir)))
    frame = account_frame(snapshot, cache_dir=frames_dir)
    elsewhere = _listed_elsewhere(snapshot, frame["account_id"].to_pylist())
    if elsewhere:
        ids, others = frame["account_id"].cast(pa.string()), pa.array(elsewhere, pa.string())
        frame = frame.filter(pc.invert(pc.is_in(ids, value_set=others)))
    return RouteFrame(route, frame.combine_chunks(), frame.slice(0, 0))


def _listed_elsewhere(snapshot: Snapshot, ids: Sequence[str]) -> list[str]:
    """Return the orderers that are listed under another name: a contract's, or a survivor's."""
    survivors, under_contract = read_survivors(snapshot), set(contract_accounts(snapshot))
    here = set(ids)
    merged = {one for one in here if one in survivors and survivors[one] in here - {one}}
    held = {one for one in here if {one, survivors.get(one, one)} & under_contract}
    return sorted(merged | held)


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
