"""Which routes have accounts: customers bound by contract, and those who order when they like."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from features.routes import contract_accounts
from lifecycle.merges import read_survivors
from lifecycle.snapshot import Snapshot
from models.base import Route


def find_routes(known: Snapshot) -> list[Route]:
    """Return the routes that have an account, the non-contractual first.

    Raises
    ------
    LakeError
        The lake's files cannot be read.
    """
    bound = contract_accounts(known)
    orders = known.table("orders")
    bought = known.collect(orders.select("account_id").distinct().order_by("account_id"))
    free = _others(bought, bound, read_survivors(known))
    routes: list[Route] = ["non_contractual"] if free else []
    return [*routes, "contractual"] if bound else routes


def _others(bought: pa.Table, bound: frozenset[str], survivors: Mapping[str, str]) -> bool:
    names = {name for name in bought.column("account_id").to_pylist() if name is not None}
    return bool({survivors.get(name, name) for name in names} - bound)
